//! Who shall have what: the assignors `uniform` and `range`.
//!
//! Both are functions of what members want and have, without memory of their own. `uniform` gives every member as many partitions as any
//! other as far as their subscriptions allow, and moves as few as it can; `range` gives each member of a topic partitions side by side,
//! the same numbers in every topic with as many partitions and members, so that such topics can be joined.

use std::collections::{BTreeMap, BTreeSet};

use super::Share;
use crate::topics::TopicId;

/// A way to assign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Assignor {
    Uniform,
    Range,
}

/// What a member wants, and what it was to have so far.
pub(crate) struct Wish<'a> {
    /// Its static name, or its id: by these members are ordered in `range`.
    pub(crate) name: &'a str,
    pub(crate) topics: BTreeSet<TopicId>,
    pub(crate) has: &'a Share,
}

impl Assignor {
    pub(crate) fn of(name: &str) -> Option<Assignor> {
        match name {
            "uniform" => Some(Assignor::Uniform),
            "range" => Some(Assignor::Range),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Assignor::Uniform => "uniform",
            Assignor::Range => "range",
        }
    }

    /// Each member's share, in the order of the wishes. Every partition of a topic that somebody wants goes to one who wants it.
    pub(crate) fn assign(self, wishes: &[Wish<'_>], topics: &BTreeMap<TopicId, u32>) -> Vec<Share> {
        match self {
            Assignor::Range => range(wishes, topics),
            Assignor::Uniform if wishes.windows(2).all(|w| w[0].topics == w[1].topics) => {
                even(wishes, topics)
            }
            Assignor::Uniform => uneven(wishes, topics),
        }
    }
}

fn partitions(topic: TopicId, count: u32) -> impl Iterator<Item = (TopicId, i32)> {
    (0..i32::try_from(count).unwrap_or(i32::MAX)).map(move |number| (topic, number))
}

fn range(wishes: &[Wish<'_>], topics: &BTreeMap<TopicId, u32>) -> Vec<Share> {
    let mut shares = vec![Share::new(); wishes.len()];
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|&n| wishes[n].name);
    for (&topic, &count) in topics {
        let members: Vec<usize> =
            order.iter().copied().filter(|&n| wishes[n].topics.contains(&topic)).collect();
        let mut all = partitions(topic, count);
        for (place, &member) in members.iter().enumerate() {
            let more = place < count as usize % members.len();
            let quota = count as usize / members.len() + usize::from(more);
            shares[member].extend(all.by_ref().take(quota));
        }
    }
    shares
}

/// All want the same: each gets the same number, or one more.
fn even(wishes: &[Wish<'_>], topics: &BTreeMap<TopicId, u32>) -> Vec<Share> {
    let mut shares = vec![Share::new(); wishes.len()];
    let Some(first) = wishes.first() else { return shares };
    let wanted = topics.iter().filter(|(topic, _)| first.topics.contains(topic));
    let mut free: Share = wanted.flat_map(|(&topic, &count)| partitions(topic, count)).collect();
    let (least, mut more) = (free.len() / wishes.len(), free.len() % wishes.len());
    // Those that have most keep one more.
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|&n| std::cmp::Reverse(wishes[n].has.iter().filter(|p| free.contains(p)).count()));
    let mut quotas = vec![least; wishes.len()];
    for n in order {
        let mut kept: Share = wishes[n].has.iter().filter(|p| free.contains(p)).copied().collect();
        if more > 0 {
            quotas[n] += 1;
            more -= 1;
        }
        while kept.len() > quotas[n] {
            kept.pop_last();
        }
        kept.iter().for_each(|partition| {
            free.remove(partition);
        });
        shares[n] = kept;
    }
    let mut free = free.into_iter();
    for (share, quota) in shares.iter_mut().zip(quotas) {
        share.extend(free.by_ref().take(quota - share.len()));
    }
    shares
}

/// Members want different topics: whoever has least of those that want a partition gets it.
fn uneven(wishes: &[Wish<'_>], topics: &BTreeMap<TopicId, u32>) -> Vec<Share> {
    let mut shares = vec![Share::new(); wishes.len()];
    let takers = |topic: TopicId| {
        let members = (0..wishes.len()).filter(move |&n| wishes[n].topics.contains(&topic));
        members.collect::<Vec<_>>()
    };
    let takers: BTreeMap<TopicId, Vec<usize>> = topics.keys().map(|&topic| (topic, takers(topic))).collect();
    let mut taken = Share::new();
    for (n, wish) in wishes.iter().enumerate() {
        for &(topic, number) in wish.has {
            let exists = topics.get(&topic).is_some_and(|&count| (number as u32) < count);
            if exists && wish.topics.contains(&topic) && taken.insert((topic, number)) {
                shares[n].insert((topic, number));
            }
        }
    }
    // Those of which fewest members are fond first: the others can make up for it.
    let mut order: Vec<_> = topics.iter().collect();
    order.sort_by_key(|(topic, _)| takers[*topic].len());
    for (&topic, &count) in order {
        for partition in partitions(topic, count).filter(|p| !taken.contains(p)) {
            if let Some(&n) = takers[&topic].iter().min_by_key(|&&n| shares[n].len()) {
                shares[n].insert(partition);
            }
        }
    }
    for _ in 0..ROUNDS_MAX {
        if !level(&mut shares, &takers) {
            break;
        }
    }
    shares
}

/// Rounds of moving partitions to members that have two fewer. Each round makes loads more even; few suffice.
const ROUNDS_MAX: usize = 16;

/// Moves partitions from those that have more to those that have less; whether any was moved.
fn level(shares: &mut [Share], takers: &BTreeMap<TopicId, Vec<usize>>) -> bool {
    let mut moved = false;
    for owner in 0..shares.len() {
        let own: Vec<_> = shares[owner].iter().copied().collect();
        for partition in own {
            let least = takers[&partition.0].iter().copied().min_by_key(|&n| shares[n].len());
            if let Some(taker) = least.filter(|&n| shares[n].len() + 1 < shares[owner].len()) {
                shares[owner].remove(&partition);
                shares[taker].insert(partition);
                moved = true;
            }
        }
    }
    moved
}
