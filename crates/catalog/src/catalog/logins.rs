//! What users that do not exist are answered with.

use std::collections::BTreeMap;

use anymq_auth::scram::{ITERATIONS, ScramMechanism, ScramSecret};

use super::Catalog;
use crate::model::User;

/// Of all users' SCRAM credentials, what answers to strangers are made of.
#[derive(Debug, Default)]
pub(super) struct Scram {
    pub(super) secret: Option<ScramSecret>,
    /// How many credentials have so many iterations.
    counts: BTreeMap<(ScramMechanism, u32), usize>,
}

impl Scram {
    pub(super) fn added(&mut self, user: &User) {
        for (mechanism, credential) in user.scram.iter() {
            *self.counts.entry((mechanism, credential.iterations())).or_default() += 1;
        }
    }

    pub(super) fn removed(&mut self, user: &User) {
        for (mechanism, credential) in user.scram.iter() {
            let key = (mechanism, credential.iterations());
            match self.counts.get_mut(&key) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(self.counts.remove(&key)),
            }
        }
    }
}

impl Catalog {
    /// What answers to strangers are made of; `None` in an empty catalogue.
    pub fn scram_secret(&self) -> Option<&ScramSecret> {
        self.scram.secret.as_ref()
    }

    /// How many iterations most credentials of a mechanism have.
    pub fn scram_iterations(&self, mechanism: ScramMechanism) -> u32 {
        let of_it = self.scram.counts.range((mechanism, 0)..=(mechanism, u32::MAX));
        of_it.max_by_key(|(_, count)| **count).map_or(ITERATIONS, |((_, iterations), _)| *iterations)
    }
}
