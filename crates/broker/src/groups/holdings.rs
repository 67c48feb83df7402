//! What each user's groups hold, so that one user cannot take the room of all.
//!
//! A group is of the user who made it; after a restart it is nobody's, and counts for all groups only.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Groups and bytes, by user.
#[derive(Debug, Default)]
pub(super) struct Holdings(BTreeMap<Arc<str>, Held>);

/// What the groups of one user hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// How many they are.
    pub(crate) groups: usize,
    /// Bytes that clients have made them hold.
    pub(crate) bytes: u64,
}

impl Holdings {
    pub(super) fn of(&self, user: &str) -> Held {
        self.0.get(user).copied().unwrap_or_default()
    }

    /// A user has one more.
    pub(super) fn made(&mut self, user: &Arc<str>, bytes: u64) {
        let held = self.0.entry(user.clone()).or_default();
        held.groups += 1;
        held.bytes += bytes;
    }

    /// A group that held `before` holds `after`.
    pub(super) fn changed(&mut self, user: &str, before: u64, after: u64) {
        if let Some(held) = self.0.get_mut(user) {
            held.bytes = held.bytes + after - before;
        }
    }

    /// A group is gone that held so much.
    pub(super) fn gone(&mut self, user: &str, bytes: u64) {
        let Some(held) = self.0.get_mut(user) else { return };
        held.groups -= 1;
        held.bytes -= bytes;
        if held.groups == 0 {
            self.0.remove(user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_changed_and_gone_is_counted_for_its_user() {
        let mut holdings = Holdings::default();
        let user: Arc<str> = "u".into();
        holdings.made(&user, 10);
        holdings.made(&user, 5);
        holdings.changed("u", 10, 4);
        holdings.changed("other", 10, 400);
        assert_eq!(holdings.of("u"), Held { groups: 2, bytes: 9 });
        assert_eq!(holdings.of("other"), Held::default());
        holdings.gone("u", 4);
        holdings.gone("u", 5);
        assert!(holdings.0.is_empty(), "nothing is left of who has none");
    }
}
