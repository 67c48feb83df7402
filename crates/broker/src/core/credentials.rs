//! SCRAM credentials of users.

use anymq_auth::PasswordHash;
use anymq_catalog::{Change, User};
use anymq_types::ConnectionId;

use super::Core;
use super::fx::Fx;
use crate::error::{Error, Result};
use crate::session::{ScramChange, ScramListed};

impl Core {
    pub(crate) fn scram_credentials(&self, session: ConnectionId) -> Result<Vec<ScramListed>> {
        self.must_administer(session)?;
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
        self.must_administer(session)?;
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

    fn must_administer(&self, session: ConnectionId) -> Result<()> {
        let state =
            self.sessions.get(&session).ok_or_else(|| Error::unavailable("the connection is closing"))?;
        let may = match &state.info.principal.token {
            Some(token) => state.access.expired(self.now).is_none() && token.tags().is_administrator(),
            None => self.catalog.user(&state.user).is_some_and(|user| user.tags.is_administrator()),
        };
        may.then_some(()).ok_or_else(|| Error::not_allowed("only administrators may do this"))
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
