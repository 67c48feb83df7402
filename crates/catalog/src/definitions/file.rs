//! The shape of the file. Sections and fields that nobody here knows are skipped.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use anymq_auth::acl::Acl;
use anymq_auth::scram::ScramCredentials;
use anymq_auth::{PasswordHash, Tags};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::ITEMS_MAX;
use super::json::Bounded;
use crate::model::QuotaEntity;

/// A file, read but not checked.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) users: Vec<UserItem>,
    pub(super) vhosts: Vec<VhostItem>,
    pub(super) permissions: Vec<PermissionItem>,
    pub(super) topic_permissions: Vec<TopicPermissionItem>,
    pub(super) parameters: Vec<ParameterItem>,
    pub(super) global_parameters: Vec<GlobalParameterItem>,
    pub(super) policies: Vec<PolicyItem>,
    pub(super) queues: Vec<QueueItem>,
    pub(super) exchanges: Vec<ExchangeItem>,
    pub(super) bindings: Vec<BindingItem>,
    pub(super) acls: Vec<AclItem>,
    pub(super) client_quotas: Vec<QuotaItem>,
}

#[derive(Debug, Deserialize)]
pub(super) struct UserItem {
    pub(super) name: String,
    pub(super) password_hash: Option<String>,
    pub(super) hashing_algorithm: Option<String>,
    pub(super) password: Option<String>,
    /// That password, as it is kept.
    #[serde(skip)]
    pub(super) hashed: Option<(PasswordHash, ScramCredentials)>,
    pub(super) scram_credentials: Option<ScramCredentials>,
    #[serde(default)]
    pub(super) tags: Tags,
    #[serde(default)]
    pub(super) limits: Bounded,
}

#[derive(Debug, Deserialize)]
pub(super) struct VhostItem {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) tags: Option<Tags>,
    pub(super) default_queue_type: Option<String>,
    #[serde(default)]
    pub(super) metadata: VhostMetadata,
    #[serde(default)]
    pub(super) limits: Bounded,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct VhostMetadata {
    pub(super) description: Option<String>,
    pub(super) tags: Option<Tags>,
    pub(super) default_queue_type: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PermissionItem {
    pub(super) user: String,
    pub(super) vhost: String,
    pub(super) configure: String,
    pub(super) write: String,
    pub(super) read: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct TopicPermissionItem {
    pub(super) user: String,
    pub(super) vhost: String,
    pub(super) exchange: String,
    pub(super) write: String,
    pub(super) read: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct AclItem {
    pub(super) vhost: String,
    #[serde(flatten)]
    pub(super) acl: Acl,
}

#[derive(Debug, Deserialize)]
pub(super) struct QuotaItem {
    #[serde(flatten)]
    pub(super) entity: QuotaEntity,
    pub(super) limits: BTreeMap<String, f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ParameterItem {
    pub(super) vhost: Option<String>,
    pub(super) component: String,
    pub(super) name: String,
    pub(super) value: Bounded,
}

#[derive(Debug, Deserialize)]
pub(super) struct GlobalParameterItem {
    pub(super) name: String,
    pub(super) value: Bounded,
}

#[derive(Debug, Deserialize)]
pub(super) struct PolicyItem {
    pub(super) vhost: Option<String>,
    pub(super) name: String,
    pub(super) pattern: String,
    #[serde(rename = "apply-to")]
    pub(super) apply_to: Option<String>,
    pub(super) priority: Option<i32>,
    pub(super) definition: Bounded,
}

#[derive(Debug, Deserialize)]
pub(super) struct QueueItem {
    pub(super) vhost: Option<String>,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) durable: Option<bool>,
    #[serde(default)]
    pub(super) auto_delete: bool,
    #[serde(default)]
    pub(super) arguments: Bounded,
}

#[derive(Debug, Deserialize)]
pub(super) struct ExchangeItem {
    pub(super) vhost: Option<String>,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) durable: Option<bool>,
    #[serde(default)]
    pub(super) auto_delete: bool,
    #[serde(default)]
    pub(super) internal: bool,
    #[serde(default)]
    pub(super) arguments: Bounded,
}

#[derive(Debug, Deserialize)]
pub(super) struct BindingItem {
    pub(super) vhost: Option<String>,
    pub(super) source: String,
    pub(super) destination: String,
    pub(super) destination_type: String,
    #[serde(default)]
    pub(super) routing_key: String,
    #[serde(default)]
    pub(super) arguments: Bounded,
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FileVisitor)
    }
}

struct FileVisitor;

impl<'de> Visitor<'de> for FileVisitor {
    type Value = File;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the sections of a definitions file")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut sections: A) -> Result<File, A::Error> {
        let mut file = File::default();
        let mut left = ITEMS_MAX;
        while let Some(name) = sections.next_key::<String>()? {
            match name.as_str() {
                "users" => file.users = section(&mut sections, &name, &mut left)?,
                "vhosts" => file.vhosts = section(&mut sections, &name, &mut left)?,
                "permissions" => file.permissions = section(&mut sections, &name, &mut left)?,
                "topic_permissions" => file.topic_permissions = section(&mut sections, &name, &mut left)?,
                "parameters" => file.parameters = section(&mut sections, &name, &mut left)?,
                "global_parameters" => file.global_parameters = section(&mut sections, &name, &mut left)?,
                "policies" => file.policies = section(&mut sections, &name, &mut left)?,
                "queues" => file.queues = section(&mut sections, &name, &mut left)?,
                "exchanges" => file.exchanges = section(&mut sections, &name, &mut left)?,
                "bindings" => file.bindings = section(&mut sections, &name, &mut left)?,
                "client_quotas" => file.client_quotas = section(&mut sections, &name, &mut left)?,
                "acls" => file.acls = section(&mut sections, &name, &mut left)?,
                _ => drop(sections.next_value::<IgnoredAny>()?),
            }
        }
        Ok(file)
    }
}

fn section<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    sections: &mut A,
    name: &str,
    left: &mut usize,
) -> Result<Vec<T>, A::Error> {
    sections.next_value_seed(Section { name, left, item: PhantomData })
}

/// Reads a list of items; an error says which one.
struct Section<'s, T> {
    name: &'s str,
    left: &'s mut usize,
    item: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Section<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Section<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", self.name)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut out = Vec::new();
        loop {
            let item = items.next_element::<T>();
            let at = |error: A::Error| A::Error::custom(format!("{}[{}]: {error}", self.name, out.len()));
            let Some(item) = item.map_err(at)? else { return Ok(out) };
            *self.left = self.left.checked_sub(1).ok_or_else(|| A::Error::custom("too many items"))?;
            out.push(item);
        }
    }
}
