//! A token that was verified.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::TokenError;
use super::scope::{Grant, ScopeAccess};
use crate::access::Access;
use crate::tags::Tags;

/// Who a verified token is for, and what it allows. Whether it has expired is for its user to ask.
#[derive(Clone, Debug)]
pub struct Token {
    pub(super) user: Arc<str>,
    pub(super) tags: Tags,
    /// Without their prefix.
    pub(super) scopes: Vec<Box<str>>,
    /// Claims that are text, if a scope refers to any.
    pub(super) variables: BTreeMap<Box<str>, Box<str>>,
    pub(super) expires: Option<u64>,
}

impl Token {
    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What the user may do besides messaging.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// When it ends, in seconds since 1970; `None`: never.
    pub fn expires_s(&self) -> Option<u64> {
        self.expires
    }

    /// Whether it is still good at `now_s`, in seconds since 1970.
    ///
    /// # Errors
    /// [`TokenError::Expired`].
    pub fn check_expiry(&self, now_s: u64) -> Result<(), TokenError> {
        match self.expires {
            Some(at) if at <= now_s => Err(TokenError::Expired { at, now: now_s }),
            _ => Ok(()),
        }
    }

    /// Whether it may connect to the vhost: a scope grants something there.
    pub fn opens(&self, vhost: &str) -> bool {
        let mut grants = self.scopes.iter().filter_map(|scope| Grant::parse(scope));
        grants.any(|grant| grant.vhost.matches(vhost))
    }

    /// What it allows in the vhost, compiled; possibly nothing.
    pub fn access(&self, vhost: &str) -> Access {
        Access::of_scopes(ScopeAccess::new(&self.scopes, &self.variables, vhost))
    }
}
