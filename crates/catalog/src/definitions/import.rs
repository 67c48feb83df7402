//! From a file to changes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anymq_auth::{HashingAlgorithm, PasswordHash, Pattern, Permissions, SALT_BYTES, TopicPermissions};
use anymq_types::VhostId;
use serde_json::Value as Json;

use super::file::File;
use super::{DefinitionsError, FILE_BYTES_MAX};
use crate::catalog::Catalog;
use crate::change::{Change, NextIds};
use crate::model::{
    GlobalParameter, Permission, Policy, QueueKind, TopicPermission, User, UserLimits, Vhost, VhostLimits,
};

mod tenants;
mod topology;

type Result<T, E = DefinitionsError> = std::result::Result<T, E>;

/// What [`import`] needs besides the file.
pub struct Import<'a> {
    /// What exists.
    pub catalog: &'a Catalog,
    /// As for [`Definitions::read`].
    pub vhost: Option<&'a str>,
    /// As for [`Definitions::resolve`].
    pub default_queue_type: QueueKind,
    /// As for [`Definitions::read`].
    pub salt: &'a mut dyn FnMut() -> [u8; SALT_BYTES],
}

/// Reads and checks a file in one go, for a catalogue that nobody else waits for.
///
/// # Errors
/// If anything in it is not valid; the error names the item.
pub fn import(text: &str, import: Import<'_>) -> Result<Imported> {
    Definitions::read(text, import.vhost, import.salt)?.resolve(import.catalog, import.default_queue_type)
}

/// A file that was read, not yet held against what exists.
#[derive(Debug)]
pub struct Definitions {
    file: File,
    vhost: Option<String>,
}

/// What a file comes to.
#[derive(Debug, Default)]
pub struct Imported {
    /// To be committed in this order.
    pub changes: Vec<Change>,
    /// Items left out, and why.
    pub skipped: Vec<String>,
}

impl Definitions {
    /// Reads a file and hashes the passwords that stand in it in the clear, tens of milliseconds each: call it without a
    /// lock. With `vhost` the file is for that vhost, whatever vhost its items name; users, permissions and vhosts are
    /// left out. `salt` gives a new one at each call.
    ///
    /// # Errors
    /// If the file cannot be understood.
    pub fn read(
        text: &str,
        vhost: Option<&str>,
        mut salt: impl FnMut() -> [u8; SALT_BYTES],
    ) -> Result<Definitions> {
        if text.len() > FILE_BYTES_MAX {
            return Err(DefinitionsError::TooLarge(text.len()));
        }
        let mut file: File =
            serde_json::from_str(text).map_err(|error| DefinitionsError::Shape(error.to_string()))?;
        if vhost.is_none() {
            tenants::hash_passwords(&mut file.users, &mut salt)?;
        }
        Ok(Definitions { file, vhost: vhost.map(str::to_owned) })
    }

    /// Checks all of the file against what exists. Queues without a type get their vhost's default, else `default_queue_type`.
    ///
    /// # Errors
    /// If anything in it is not valid; the error names the item.
    pub fn resolve(self, catalog: &Catalog, default_queue_type: QueueKind) -> Result<Imported> {
        let file = self.file;
        let mut importer = Importer::new(catalog, self.vhost.as_deref(), default_queue_type)?;
        if importer.only.is_none() {
            importer.vhosts(file.vhosts)?;
            importer.users(file.users)?;
            importer.permissions(file.permissions)?;
            importer.topic_permissions(file.topic_permissions)?;
            importer.acls(file.acls)?;
            importer.client_quotas(file.client_quotas)?;
            importer.global_parameters(file.global_parameters)?;
        }
        importer.parameters(file.parameters)?;
        importer.policies(file.policies)?;
        importer.exchanges(file.exchanges)?;
        importer.queues(file.queues)?;
        importer.bindings(file.bindings)?;
        Ok(importer.out)
    }
}

/// What exists and what the file has brought so far.
struct Importer<'a> {
    catalog: &'a Catalog,
    only: Option<VhostId>,
    default_queue_type: QueueKind,
    next: NextIds,
    vhosts: HashMap<String, Vhost>,
    users: HashSet<String>,
    exchanges: HashMap<(VhostId, String), crate::model::ExchangeKind>,
    queues: HashMap<(VhostId, String), QueueKind>,
    out: Imported,
}

impl<'a> Importer<'a> {
    fn new(catalog: &'a Catalog, vhost: Option<&str>, default_queue_type: QueueKind) -> Result<Self> {
        let only = match vhost {
            None => None,
            Some(name) => {
                let found = catalog.vhost(name).map(|vhost| vhost.id);
                Some(found.ok_or_else(|| invalid("vhost", format!("no vhost '{name}'")))?)
            }
        };
        Ok(Importer {
            catalog,
            only,
            default_queue_type,
            next: catalog.next_ids(),
            vhosts: catalog.vhosts().map(|vhost| (vhost.name.to_string(), (**vhost).clone())).collect(),
            users: catalog.users().map(|user| user.name.to_string()).collect(),
            exchanges: HashMap::new(),
            queues: HashMap::new(),
            out: Imported::default(),
        })
    }

    fn put(&mut self, change: Change) {
        self.out.changes.push(change);
    }

    /// The vhost an item is for.
    fn vhost(&self, name: Option<&str>, path: impl Fn() -> String) -> Result<&Vhost> {
        if let Some(id) = self.only {
            let mut all = self.vhosts.values();
            return all.find(|vhost| vhost.id == id).ok_or_else(|| invalid(path(), "its vhost is gone"));
        }
        let name = name.ok_or_else(|| invalid(path(), "missing field `vhost`"))?;
        self.vhosts.get(name).ok_or_else(|| invalid(path(), format!("no vhost '{name}'")))
    }
}

fn invalid(path: impl Into<String>, problem: impl ToString) -> DefinitionsError {
    DefinitionsError::Item { path: path.into(), problem: problem.to_string() }
}

/// A limit of RabbitMQ's: a negative one is none.
fn limit(limits: &Json, name: &str) -> Option<u32> {
    u32::try_from(limits.get(name)?.as_i64()?).ok()
}
