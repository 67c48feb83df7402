//! Vhosts, users, permissions, parameters, policies.

use anymq_auth::acl::Acl;
use anymq_auth::scram::{RANDOM_BYTES, ScramCredentials};

use super::*;
use crate::catalog::ACLS_MAX;
use crate::change::ChangeError;
use crate::definitions::PASSWORDS_MAX;
use crate::definitions::file::{
    AclItem, GlobalParameterItem, ParameterItem, PermissionItem, PolicyItem, QuotaItem, TopicPermissionItem,
    UserItem, VhostItem,
};
use crate::model::{QUOTA_NAME_BYTES_MAX, QuotaEntity, QuotaKind, QuotaPart};
use crate::policy::CompiledPolicy;
use crate::topic_config::{BrokerSettings, PARAMETER};

impl Importer<'_> {
    pub(super) fn vhosts(&mut self, items: Vec<VhostItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            let path = || format!("vhosts[{n}]");
            if item.name.is_empty() {
                return Err(invalid(path(), "empty name"));
            }
            let known = self.vhosts.get(&item.name).cloned();
            let mut vhost = known.unwrap_or_else(|| {
                let vhost = Vhost::new(self.next.vhost, item.name.as_str());
                self.next.vhost.0 += 1;
                vhost
            });
            if let Some(description) = item.description.or(item.metadata.description) {
                vhost.description = description;
            }
            if let Some(tags) = item.tags.or(item.metadata.tags) {
                vhost.tags = tags.iter().map(str::to_owned).collect();
            }
            let default = item.default_queue_type.or(item.metadata.default_queue_type);
            if let Some(name) = default.filter(|name| name != "undefined" && !name.is_empty()) {
                let kind = QueueKind::parse(&name);
                let unsupported = || invalid(path(), format!("unsupported queue type '{name}'"));
                vhost.default_queue_type = Some(kind.ok_or_else(unsupported)?);
            }
            if item.limits.0.is_object() {
                vhost.limits = vhost_limits(&item.limits.0);
            }
            self.vhosts.insert(item.name, vhost.clone());
            self.put(Change::VhostPut(vhost));
        }
        Ok(())
    }

    pub(super) fn users(&mut self, items: Vec<UserItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            let at = |field: &str| format!("users[{n}].{field}");
            if item.name.is_empty() {
                return Err(invalid(at("name"), "empty name"));
            }
            let before = self.catalog.user(&item.name);
            let (password, kept) = match (item.password_hash, item.hashed) {
                (Some(hash), _) => {
                    // Files of 3.5 and before do not say, and hash with MD5; those fail on their length.
                    let algorithm = match &item.hashing_algorithm {
                        Some(name) => HashingAlgorithm::parse(name),
                        None => Ok(HashingAlgorithm::Sha256),
                    };
                    let algorithm = algorithm.map_err(|error| invalid(at("hashing_algorithm"), error))?;
                    let password = PasswordHash::import(&hash, algorithm)
                        .map_err(|error| invalid(at("password_hash"), error))?;
                    // What was made of another password must not outlive it.
                    let same = before.filter(|user| user.password == password);
                    (password, same.map(|user| user.scram.clone()).unwrap_or_default())
                }
                (None, Some(hashed)) => hashed,
                (None, None) => (PasswordHash::none(), ScramCredentials::default()),
            };
            let limits = UserLimits {
                max_connections: limit(&item.limits.0, "max-connections"),
                max_channels: limit(&item.limits.0, "max-channels"),
            };
            let scram = item.scram_credentials.unwrap_or(kept);
            let name: Arc<str> = item.name.as_str().into();
            self.users.insert(item.name);
            self.put(Change::UserPut(User { name, password, scram, tags: item.tags, limits }));
        }
        Ok(())
    }

    pub(super) fn permissions(&mut self, items: Vec<PermissionItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            let path = || format!("permissions[{n}]");
            let vhost = self.vhost(Some(&item.vhost), path)?.id;
            self.known_user(&item.user, path)?;
            for (field, pattern) in
                [("configure", &item.configure), ("write", &item.write), ("read", &item.read)]
            {
                Pattern::permission(pattern)
                    .map_err(|error| invalid(format!("{}.{field}", path()), error))?;
            }
            let grant = Permissions { configure: item.configure, write: item.write, read: item.read };
            self.put(Change::PermissionPut(Permission { user: item.user.into(), vhost, grant }));
        }
        Ok(())
    }

    pub(super) fn topic_permissions(&mut self, items: Vec<TopicPermissionItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            let path = || format!("topic_permissions[{n}]");
            let vhost = self.vhost(Some(&item.vhost), path)?.id;
            self.known_user(&item.user, path)?;
            for (field, pattern) in [("write", &item.write), ("read", &item.read)] {
                Pattern::topic(pattern).map_err(|error| invalid(format!("{}.{field}", path()), error))?;
            }
            let grant = TopicPermissions { write: item.write, read: item.read };
            let exchange = item.exchange.into();
            self.put(Change::TopicPermissionPut(TopicPermission {
                user: item.user.into(),
                vhost,
                exchange,
                grant,
            }));
        }
        Ok(())
    }

    /// Whom they name need not be there: that may be everybody, or come with a token.
    pub(super) fn acls(&mut self, items: Vec<AclItem>) -> Result<()> {
        let mut by_vhost: BTreeMap<VhostId, Vec<Acl>> = BTreeMap::new();
        for (n, item) in items.into_iter().enumerate() {
            let path = || format!("acls[{n}]");
            let vhost = self.vhost(Some(&item.vhost), path)?.id;
            item.acl.check().map_err(|error| invalid(path(), error))?;
            by_vhost.entry(vhost).or_default().push(item.acl);
        }
        for (vhost, acls) in by_vhost {
            if acls.len() > ACLS_MAX {
                return Err(invalid("acls", ChangeError::TooManyAcls));
            }
            self.put(Change::AclsPut { vhost, acls });
        }
        Ok(())
    }

    pub(super) fn client_quotas(&mut self, items: Vec<QuotaItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            let QuotaItem { entity, limits } = item;
            if entity == QuotaEntity::default() {
                return Err(invalid(format!("client_quotas[{n}]"), "neither user nor client_id"));
            }
            for part in [&entity.user, &entity.client_id] {
                if let Some(QuotaPart::Name(name)) = part
                    && (name.is_empty() || name.len() > QUOTA_NAME_BYTES_MAX)
                {
                    return Err(invalid(format!("client_quotas[{n}]"), "a name of no bytes or too many"));
                }
            }
            let at = |key: &str| format!("client_quotas[{n}].limits.{key}");
            let limit = |(key, value): (String, f64)| {
                let kind = QuotaKind::find(&key).ok_or_else(|| invalid(at(&key), "no such quota"))?;
                Ok((kind, kind.rate(value).map_err(|fault| invalid(at(&key), fault))?))
            };
            let limits = limits.into_iter().map(limit).collect::<Result<_>>()?;
            self.put(Change::QuotaPut { entity, limits });
        }
        Ok(())
    }

    pub(super) fn global_parameters(&mut self, items: Vec<GlobalParameterItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            if item.name == PARAMETER
                && let Some(fault) = BrokerSettings::read(&item.value.0).1.into_iter().next()
            {
                return Err(invalid(format!("global_parameters[{n}].value"), fault));
            }
            self.put(Change::GlobalParameterPut(GlobalParameter {
                name: item.name.into(),
                value: item.value.0,
            }));
        }
        Ok(())
    }

    /// Limits of vhosts and operator policies are parameters in the file, and things of their own here.
    pub(super) fn parameters(&mut self, items: Vec<ParameterItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            let path = || format!("parameters[{n}]");
            let mut vhost = self.vhost(item.vhost.as_deref(), path)?.clone();
            match item.component.as_str() {
                "vhost-limits" => {
                    vhost.limits = vhost_limits(&item.value.0);
                    self.vhosts.insert(vhost.name.to_string(), vhost.clone());
                    self.put(Change::VhostPut(vhost));
                }
                "operator_policy" => {
                    let value = item.value.0;
                    let policy = Policy {
                        vhost: vhost.id,
                        name: item.name.into(),
                        pattern: text(&value, "pattern").unwrap_or_default().to_owned(),
                        apply_to: apply_to(text(&value, "apply-to"), path)?,
                        priority: value.get("priority").and_then(Json::as_i64).unwrap_or(0) as i32,
                        definition: definition(value.get("definition").unwrap_or(&Json::Null), path)?,
                        operator: true,
                    };
                    self.policy(policy, path)?;
                }
                _ => self.put(Change::ParameterPut(crate::model::Parameter {
                    vhost: vhost.id,
                    component: item.component.into(),
                    name: item.name.into(),
                    value: item.value.0,
                })),
            }
        }
        Ok(())
    }

    pub(super) fn policies(&mut self, items: Vec<PolicyItem>) -> Result<()> {
        for (n, item) in items.into_iter().enumerate() {
            let path = || format!("policies[{n}]");
            let policy = Policy {
                vhost: self.vhost(item.vhost.as_deref(), path)?.id,
                name: item.name.into(),
                pattern: item.pattern,
                apply_to: apply_to(item.apply_to.as_deref(), path)?,
                priority: item.priority.unwrap_or(0),
                definition: definition(&item.definition.0, path)?,
                operator: false,
            };
            self.policy(policy, path)?;
        }
        Ok(())
    }

    fn policy(&mut self, policy: Policy, path: impl Fn() -> String) -> Result<()> {
        CompiledPolicy::compile(policy.clone()).map_err(|error| invalid(path(), error))?;
        self.put(Change::PolicyPut(policy));
        Ok(())
    }

    fn known_user(&self, name: &str, path: impl Fn() -> String) -> Result<()> {
        if self.users.contains(name) { Ok(()) } else { Err(invalid(path(), format!("no user '{name}'"))) }
    }
}

/// Takes the place of passwords in the clear, but where a hash stands beside one.
pub(super) fn hash_passwords(
    users: &mut [UserItem],
    salt: &mut dyn FnMut() -> [u8; SALT_BYTES],
) -> Result<()> {
    let mut hashed = 0;
    for (n, user) in users.iter_mut().enumerate() {
        let Some(password) = user.password.take().filter(|_| user.password_hash.is_none()) else { continue };
        if password.is_empty() {
            continue;
        }
        if hashed == PASSWORDS_MAX {
            let problem = format!("more than {PASSWORDS_MAX} passwords in the clear; give hashes");
            return Err(invalid(format!("users[{n}].password"), problem));
        }
        hashed += 1;
        let hash = PasswordHash::argon2id(password.as_bytes(), salt());
        let random = || {
            let mut bytes = [0; RANDOM_BYTES];
            bytes[..SALT_BYTES].copy_from_slice(&salt());
            bytes[SALT_BYTES] = salt()[0];
            bytes
        };
        user.hashed = Some((hash, ScramCredentials::of_password(password.as_bytes(), random)));
    }
    Ok(())
}

fn vhost_limits(json: &Json) -> VhostLimits {
    VhostLimits { max_connections: limit(json, "max-connections"), max_queues: limit(json, "max-queues") }
}

fn text<'j>(json: &'j Json, name: &str) -> Option<&'j str> {
    json.get(name).and_then(Json::as_str)
}

fn apply_to(name: Option<&str>, path: impl Fn() -> String) -> Result<crate::model::ApplyTo> {
    let name = name.unwrap_or("all");
    let problem = || {
        let path = format!("{}.apply-to", path());
        invalid(
            path,
            format!("apply-to '{name}' unrecognised; should be one of: 'queues', 'exchanges', 'all'"),
        )
    };
    crate::model::ApplyTo::parse(name).ok_or_else(problem)
}

fn definition(json: &Json, path: impl Fn() -> String) -> Result<BTreeMap<String, Json>> {
    let map = json.as_object().ok_or_else(|| invalid(format!("{}.definition", path()), "not an object"))?;
    Ok(map.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
}
