//! Messages that must be of a schema: what the hall asks, and whom.
//!
//! Which queue or topic demands it is a setting ([`anymq_catalog::SchemaRules`]). What a schema is, nobody here knows: a [`Validator`]
//! does, given once at the start. A publish goes three steps then, if any queue at all has such a setting: under the lock the
//! queues that each message would reach are found, without the lock its payload is judged, under the lock it is published. Who
//! changes a binding or a setting in between has it take effect for the next message.
//!
//! Where no queue has such a setting this costs one relaxed load a publish.

mod batches;
mod messages;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anymq_auth::Action;
use anymq_catalog::{Catalog, Change, SchemaRules};
use anymq_types::VhostId;

use crate::api::{Done, Principal};
use crate::broker::Broker;
use crate::error::{Error, Result};

/// Which part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The key.
    Key,
    /// The value: the body.
    Value,
}

impl Part {
    /// As it stands in the name of a subject.
    pub fn as_str(self) -> &'static str {
        match self {
            Part::Key => "key",
            Part::Value => "value",
        }
    }
}

/// A queue or topic that demands schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it is.
    pub vhost: VhostId,
    /// Its name; of a partition, its topic's.
    pub name: Arc<str>,
    /// What it demands.
    pub rules: SchemaRules,
}

/// Judges payloads. Called without any lock, from many threads at once.
pub trait Validator: Send + Sync {
    /// Whether `payload` is of a schema that is registered for its place.
    ///
    /// # Errors
    /// Why not, in one line that names the schema and where in the payload, and says nothing of what is in it.
    fn check(
        &self,
        broker: &Broker,
        place: &Place,
        part: Part,
        payload: &[u8],
    ) -> std::result::Result<(), String>;
}

/// What the core tells those who judge, without the lock.
#[derive(Default)]
pub(crate) struct SchemaWatch {
    validator: OnceLock<Arc<dyn Validator>>,
    /// Queues that demand schemas.
    places: AtomicUsize,
    /// Grows with every change of a schema.
    epoch: AtomicU64,
    /// Messages refused.
    refused: AtomicU64,
}

impl SchemaWatch {
    /// Whether any queue demands schemas.
    pub(crate) fn any(&self) -> bool {
        self.places.load(Ordering::Relaxed) > 0
    }

    /// A queue demands something else than before.
    pub(crate) fn moved(&self, before: SchemaRules, after: SchemaRules) {
        match (before.is_empty(), after.is_empty()) {
            (true, false) => self.places.fetch_add(1, Ordering::Relaxed),
            (false, true) => self.places.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// A change of the catalogue was made.
    pub(crate) fn follow(&self, change: &Change) {
        let concerns = matches!(
            change,
            Change::SchemaPut(_)
                | Change::SchemaVersionPut(_)
                | Change::SchemaVersionDelete { .. }
                | Change::VhostDelete { .. }
        );
        if concerns {
            self.epoch.fetch_add(1, Ordering::Release);
        }
    }
}

impl Broker {
    /// Has messages judged by `validator` from now on, where a queue or topic demands it. Without one they are refused there.
    pub fn validate_with(&self, validator: Arc<dyn Validator>) {
        // A second one is not taken: what the first has compiled is right still.
        let _ = self.inner.schemas.validator.set(validator);
    }

    /// Grows with every change of a schema: what was compiled before may be gone.
    pub fn schema_epoch(&self) -> u64 {
        self.inner.schemas.epoch.load(Ordering::Acquire)
    }

    /// Messages that were refused for their schemas since the process started.
    pub fn schema_refusals(&self) -> u64 {
        self.inner.schemas.refused.load(Ordering::Relaxed)
    }

    /// Whether a principal may do `action` to subjects with these names, which obey the same patterns as queues; of each.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`] if it has no access to the vhost.
    pub fn may_use_subjects<'a>(
        &self,
        principal: &Principal,
        vhost: &str,
        action: Action,
        subjects: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<bool>> {
        let core = self.inner.core.lock();
        let vhost = vhost_of(&core.catalog, vhost)?;
        let access = self.access_of(&core, principal, &vhost)?;
        let now = self.now();
        Ok(subjects.into_iter().map(|name| access.check(now, action, "subject", name).is_ok()).collect())
    }

    /// Makes the changes of schemas that `alter` finds, all or none; nobody makes others in between. `subject` is what they are
    /// about, empty for all of them.
    ///
    /// # Errors
    /// Those of `alter`; [`crate::ErrorKind::Forbidden`], [`crate::ErrorKind::NotAllowed`].
    pub fn alter_schemas<T, E: From<Error>>(
        &self,
        principal: &Principal,
        vhost: &str,
        action: Action,
        subject: &str,
        alter: impl FnOnce(&Catalog, VhostId) -> std::result::Result<(T, Vec<Change>), E>,
    ) -> std::result::Result<Done<T>, E> {
        let (result, commit) = self.inner.with(|core, fx| {
            let vhost = vhost_of(&core.catalog, vhost)?;
            let access = self.access_of(core, principal, &vhost)?;
            access.check(core.now, action, "subject", subject)?;
            let (value, changes) = alter(&core.catalog, vhost.id)?;
            core.change_all(fx, changes)?;
            Ok(value)
        });
        result.map(|value| Done { value, commit })
    }

    /// Why a payload is refused, if it is.
    fn refusal(&self, place: &Place, part: Part, payload: &[u8]) -> Option<String> {
        let judged = match self.inner.schemas.validator.get() {
            Some(validator) => validator.check(self, place, part, payload),
            None => Err("schemas cannot be looked at by this process".to_owned()),
        };
        let why = judged.err()?;
        self.inner.schemas.refused.fetch_add(1, Ordering::Relaxed);
        let text = format!("{} of a message for '{}' refused: {why}", part.as_str(), place.name);
        tracing::debug!(vhost = %place.vhost, %text, "message refused for its schema");
        Some(text)
    }
}

fn vhost_of(catalog: &Catalog, name: &str) -> Result<Arc<anymq_catalog::Vhost>> {
    catalog.vhost(name).cloned().ok_or_else(|| Error::not_allowed(format!("vhost {name} not found")))
}
