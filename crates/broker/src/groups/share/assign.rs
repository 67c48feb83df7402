//! Who takes records from which partitions: the assignor `simple`.
//!
//! Every partition that somebody wants has a taker, every member that wants one has one; takers are spread evenly, and stay where they are
//! as far as that allows. A partition may have many takers: as many as there are members for each partition, rounded up.

use std::collections::BTreeMap;

use crate::groups::consumer::Share as Partitions;
use crate::topics::TopicId;

/// What a member wants, as topics with the number of their partitions, and what it has.
pub(crate) type Wish<'a> = (Vec<(TopicId, u32)>, &'a Partitions);

/// Each member's partitions, in the order of the wishes.
pub(crate) fn assign(wishes: &[Wish<'_>]) -> Vec<Partitions> {
    let mut shares = vec![Partitions::new(); wishes.len()];
    // Members that want the same share it among themselves; those that want different topics count where they want.
    let mut by_wish: BTreeMap<Vec<(TopicId, u32)>, Vec<usize>> = BTreeMap::new();
    for (n, (topics, _)) in wishes.iter().enumerate() {
        let mut topics = topics.clone();
        topics.sort_unstable();
        by_wish.entry(topics).or_default().push(n);
    }
    for (topics, members) in by_wish {
        let all: Vec<(TopicId, i32)> = topics
            .iter()
            .flat_map(|&(topic, count)| {
                (0..i32::try_from(count).unwrap_or(i32::MAX)).map(move |number| (topic, number))
            })
            .collect();
        spread(&all, &members, wishes, &mut shares);
    }
    shares
}

/// Gives partitions to members that want them all: each partition to as many, each member as many or one more.
fn spread(all: &[(TopicId, i32)], members: &[usize], wishes: &[Wish<'_>], shares: &mut [Partitions]) {
    if all.is_empty() {
        return;
    }
    let takers = members.len().div_ceil(all.len());
    let slots = takers * all.len();
    let (least, mut more) = (slots / members.len(), slots % members.len());
    let mut free: BTreeMap<(TopicId, i32), usize> =
        all.iter().map(|&partition| (partition, takers)).collect();
    let mut order = members.to_vec();
    // Those that have most keep one more.
    order.sort_by_key(|&n| std::cmp::Reverse(wishes[n].1.len()));
    let mut quotas = vec![];
    for &n in &order {
        let quota = least + usize::from(more > 0);
        more = more.saturating_sub(1);
        quotas.push(quota);
        for partition in wishes[n].1 {
            if shares[n].len() < quota && take(&mut free, partition) {
                shares[n].insert(*partition);
            }
        }
    }
    for (&n, quota) in order.iter().zip(quotas) {
        // From those that have most places left.
        let mut open: Vec<_> = free.iter().map(|(&partition, &places)| (partition, places)).collect();
        open.sort_by_key(|&(_, places)| std::cmp::Reverse(places));
        for (partition, _) in open {
            if shares[n].len() >= quota {
                break;
            }
            if !shares[n].contains(&partition) && take(&mut free, &partition) {
                shares[n].insert(partition);
            }
        }
    }
    // Places that only members could take that have the partition already: whoever has least takes it.
    for &partition in all {
        if !members.iter().any(|&n| shares[n].contains(&partition))
            && let Some(&n) = members.iter().min_by_key(|&&n| shares[n].len())
        {
            shares[n].insert(partition);
        }
    }
}

fn take(free: &mut BTreeMap<(TopicId, i32), usize>, partition: &(TopicId, i32)) -> bool {
    let Some(places) = free.get_mut(partition) else { return false };
    *places -= 1;
    if *places == 0 {
        free.remove(partition);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(members: usize, partitions: u32, has: &[Partitions]) -> Vec<Partitions> {
        let none = Partitions::new();
        let wishes: Vec<Wish<'_>> =
            (0..members).map(|n| (vec![(TopicId(1), partitions)], has.get(n).unwrap_or(&none))).collect();
        let shares = assign(&wishes);
        let sizes: Vec<usize> = shares.iter().map(Partitions::len).collect();
        let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
        assert!(*least > 0 || partitions == 0, "{members} members, {partitions} partitions: {sizes:?}");
        assert!(most - least <= 1, "{members} members, {partitions} partitions: {sizes:?}");
        for number in 0..partitions {
            let takers = shares.iter().filter(|s| s.contains(&(TopicId(1), number as i32))).count();
            assert!(takers > 0, "{members} members, {partitions} partitions: nobody takes {number}");
        }
        shares
    }

    #[test]
    fn every_partition_has_a_taker_and_every_member_a_partition() {
        for members in 1..12 {
            for partitions in 1..12 {
                check(members, partitions, &[]);
            }
        }
    }

    #[test]
    fn members_keep_what_they_have() {
        let before = check(3, 9, &[]);
        let after = check(4, 9, &before);
        for (before, after) in before.iter().zip(&after) {
            assert!(after.is_subset(before));
        }
        let back = check(3, 9, &after);
        assert!(after.iter().zip(&back).all(|(before, after)| before.is_subset(after)));
    }

    #[test]
    fn members_that_want_different_topics() {
        let none = Partitions::new();
        let wishes: Vec<Wish<'_>> = vec![
            (vec![(TopicId(1), 2)], &none),
            (vec![(TopicId(1), 2), (TopicId(2), 1)], &none),
            (vec![], &none),
        ];
        let shares = assign(&wishes);
        assert_eq!(shares[0].len(), 2);
        assert_eq!(shares[1].len(), 3);
        assert!(shares[2].is_empty());
    }
}
