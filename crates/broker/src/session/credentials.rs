//! SCRAM credentials of users, for doors whose protocol sets them.

use std::sync::Arc;

use anymq_auth::scram::{ScramCredential, ScramMechanism};

use super::Session;
use crate::api::Done;
use crate::error::Result;

/// One credential put, or taken away.
#[derive(Clone, Debug)]
pub struct ScramChange<'a> {
    /// Whose. A user that does not exist is made: without a password, tags and rights.
    pub user: &'a str,
    /// For which mechanism.
    pub mechanism: ScramMechanism,
    /// What is kept from now on; `None`: nothing.
    pub credential: Option<ScramCredential>,
}

/// A user's credentials: mechanisms and iterations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramListed {
    /// Whose.
    pub user: Arc<str>,
    /// What there is, at least one.
    pub mechanisms: Vec<(ScramMechanism, u32)>,
}

impl Session {
    /// Every user that has credentials, by name.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`].
    pub fn scram_credentials(&self) -> Result<Vec<ScramListed>> {
        self.with(|core, _| core.scram_credentials(self.id)).0
    }

    /// Makes changes in one journal group. Whether each was made: it is not if there is nothing to take away.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`]; then none is made.
    pub fn alter_scram(&self, changes: &[ScramChange<'_>]) -> Result<Done<Vec<bool>>> {
        self.durable(|core, fx| core.alter_scram(fx, self.id, changes))
    }
}
