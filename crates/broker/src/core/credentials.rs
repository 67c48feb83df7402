//! SCRAM credentials of users.

use anymq_auth::PasswordHash;
use anymq_auth::acl::Operation;
use anymq_catalog::{Change, User};
use anymq_types::ConnectionId;

use super::Core;
use super::fx::Fx;
use crate::error::{Error, Result};
use crate::session::{ScramChange, ScramListed};

impl Core {
    pub(crate) fn scram_credentials(&self, session: ConnectionId) -> Result<Vec<ScramListed>> {
        self.must_cluster(session, Operation::Describe)?;
        let listed = |user: &User| ScramListed {
            user: user.name.clone(),
            mechanisms: user.scram.iter().map(|(mechanism, kept)| (mechanism, kept.iterations())).collect(),
        };
        Ok(self.catalog.users().filter(|user| !user.scram.is_empty()).map(|user| listed(user)).collect())
    }

    pub(crate) fn alter_scram(
        &mut self,
        fx: &mut Fx<'_>,
        session: ConnectionId,
        changes: &[ScramChange<'_>],
    ) -> Result<Vec<bool>> {
        self.must_cluster(session, Operation::Alter)?;
        // Else whoever a rule lets alter the server could become who makes the rules.
        let rules = self.sessions.get(&session).is_some_and(|s| s.access.is_administrator());
        let is_over = |user: &str| self.catalog.user(user).is_some_and(|user| user.tags.is_administrator());
        if !rules && changes.iter().any(|change| is_over(change.user)) {
            return Err(Error::not_allowed("only administrators may alter administrators"));
        }
        changes.iter().map(|change| self.alter_one(fx, change)).collect()
    }

    fn alter_one(&mut self, fx: &mut Fx<'_>, change: &ScramChange<'_>) -> Result<bool> {
        let known = self.catalog.user(change.user);
        let has = known.is_some_and(|user| user.scram.get(change.mechanism).is_some());
        if change.credential.is_none() && !has {
            return Ok(false);
        }
        let mut user = known.map_or_else(|| stranger(change.user), |user| (**user).clone());
        user.scram.set(change.mechanism, change.credential.clone());
        self.change(fx, Change::UserPut(user))?;
        Ok(true)
    }
}

fn stranger(name: &str) -> User {
    User {
        name: name.into(),
        password: PasswordHash::none(),
        scram: Default::default(),
        tags: Default::default(),
        limits: Default::default(),
    }
}
