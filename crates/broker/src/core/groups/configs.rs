//! Settings of single groups.

use anymq_auth::acl::{Operation, ResourceKind};
use anymq_types::{ConnectionId, VhostId};

use super::Core;
use crate::core::fx::Fx;
use crate::error::{Error, Result};
use crate::groups::NAME_BYTES_MAX;
use crate::groups::durable::Change;
use crate::groups::settings::{DEAD_TOPIC, GroupConfig, Resolved, check_group_config};

impl Core {
    /// What a group's settings come to.
    pub(in crate::core) fn group_settings(&self, vhost: VhostId, name: &str) -> Resolved {
        Resolved::of(&self.config.groups, self.groups.config(vhost, name))
    }

    /// What was set for a group.
    pub(crate) fn group_config(&self, session: ConnectionId, name: &str) -> Result<GroupConfig> {
        let vhost = self.may_set_group(session, name, Operation::DescribeConfigs)?;
        Ok(self.groups.config(vhost, name).cloned().unwrap_or_default())
    }

    /// Groups for which something was set, of those that a session may use.
    pub(crate) fn configured_groups(&self, session: ConnectionId) -> Vec<std::sync::Arc<str>> {
        let Some(vhost) = self.sessions.get(&session).map(|state| state.vhost) else { return Vec::new() };
        let named = self.groups.configs().filter(|((of, _), _)| *of == vhost).map(|((_, name), _)| name);
        named
            .filter(|name| self.may_set_group(session, name, Operation::DescribeConfigs).is_ok())
            .cloned()
            .collect()
    }

    /// Gives a group the settings that `alter` makes of those it has.
    pub(crate) fn alter_group(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        name: &str,
        validate_only: bool,
        alter: impl FnOnce(&GroupConfig) -> Result<GroupConfig>,
    ) -> Result<()> {
        let vhost = self.may_set_group(session, name, Operation::AlterConfigs)?;
        let before = self.groups.config(vhost, name).cloned().unwrap_or_default();
        let after = alter(&before)?;
        check_group_config(&self.config.groups, &after).map_err(|fault| Error::invalid(fault.0))?;
        // The broker writes dead letters for whoever says where to.
        if let Some(topic) = after.get(DEAD_TOPIC).filter(|topic| before.get(DEAD_TOPIC) != Some(*topic)) {
            let state =
                self.sessions.get(&session).ok_or_else(|| Error::unavailable("the session is over"))?;
            if !state.access.may(self.now, ResourceKind::Topic, topic, Operation::Write) {
                return Err(Error::forbidden(format!("writing to the topic '{topic}' is not allowed")));
            }
        }
        let limits = &self.config.groups;
        let full = self.groups.configs_len() >= limits.groups_max as usize
            || self.groups.bytes() >= limits.memory_max.0;
        if full && before.is_empty() && !after.is_empty() {
            return Err(Error::exhausted("groups hold as much as they may"));
        }
        if !validate_only && after != before {
            self.change_group(fx, vhost, name, Change::Config(after));
        }
        Ok(())
    }

    fn may_set_group(&self, session: ConnectionId, name: &str, operation: Operation) -> Result<VhostId> {
        let state = self.sessions.get(&session).ok_or_else(|| Error::unavailable("the session is over"))?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err(Error::invalid(format!("the name of a group has 1 to {NAME_BYTES_MAX} bytes")));
        }
        if !state.access.may(self.now, ResourceKind::Group, name, operation) {
            return Err(Error::forbidden(format!("access to the group '{name}' was refused")));
        }
        Ok(state.vhost)
    }
}
