//! Whose transactional ids they are, and which of them may go to make room.
//!
//! An id is the user's that used it last; after a restart it is nobody's until then. Who has [`IDS_MAX`] ids gives up the one that has
//! been out of use for longest when another is wanted; where all users together have too many, the one who has most of those not in use does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anymq_types::Millis;

/// Most transactional ids of one user.
pub(super) const IDS_MAX: usize = 10_000;

/// Ids by user.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<Arc<str>, Owned>);

#[derive(Debug, Default)]
struct Owned {
    count: usize,
    /// Those not in use, and since when.
    idle: BTreeSet<(Millis, Arc<str>)>,
}

impl Owners {
    /// An id is a user's; `idle`: since when it has not been in use.
    pub(super) fn add(&mut self, user: &Arc<str>, id: &Arc<str>, idle: Option<Millis>) {
        let owned = self.0.entry(user.clone()).or_default();
        owned.count += 1;
        owned.idle.extend(idle.map(|since| (since, id.clone())));
    }

    /// Takes back what [`Owners::add`] said.
    pub(super) fn remove(&mut self, user: &Arc<str>, id: &Arc<str>, idle: Option<Millis>) {
        let Some(owned) = self.0.get_mut(user) else { return };
        owned.count -= 1;
        if let Some(since) = idle {
            owned.idle.remove(&(since, id.clone()));
        }
        if owned.count == 0 {
            self.0.remove(user);
        }
    }

    /// Whether a user has as many as it may.
    pub(super) fn is_full(&self, user: &str) -> bool {
        self.0.get(user).is_some_and(|owned| owned.count >= IDS_MAX)
    }

    /// The id that goes to make room for another of the user's.
    pub(super) fn longest_idle_of(&self, user: &str) -> Option<Arc<str>> {
        self.0.get(user)?.idle.first().map(|(_, id)| id.clone())
    }

    /// The id that goes to make room for anybody's.
    pub(super) fn longest_idle(&self) -> Option<Arc<str>> {
        let most = self.0.values().max_by_key(|owned| owned.idle.len())?;
        most.idle.first().map(|(_, id)| id.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_most_that_is_idle_gives_up_what_is_idle_for_longest() {
        let mut owners = Owners::default();
        let [few, many]: [Arc<str>; 2] = ["few".into(), "many".into()];
        owners.add(&few, &"f".into(), Some(Millis(1)));
        owners.add(&few, &"busy".into(), None);
        for n in 0..3u64 {
            owners.add(&many, &format!("m{n}").into(), Some(Millis(9 - n)));
        }
        assert_eq!(owners.longest_idle().as_deref(), Some("m2"));
        assert_eq!(owners.longest_idle_of("few").as_deref(), Some("f"));
        assert_eq!(owners.longest_idle_of("none"), None);
        owners.remove(&few, &"f".into(), Some(Millis(1)));
        assert_eq!(owners.longest_idle_of("few"), None, "the other is in use");
        owners.remove(&few, &"busy".into(), None);
        assert!(!owners.0.contains_key("few"), "nothing is left of who has none");
    }

    #[test]
    fn a_user_has_so_many_and_no_more() {
        let mut owners = Owners::default();
        let user: Arc<str> = "u".into();
        for n in 0..IDS_MAX {
            assert!(!owners.is_full("u"));
            owners.add(&user, &n.to_string().into(), None);
        }
        assert!(owners.is_full("u") && !owners.is_full("other"));
        assert_eq!(owners.longest_idle(), None, "all of them are in use");
    }
}
