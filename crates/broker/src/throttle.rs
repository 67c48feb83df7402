//! Quotas of clients: how long one that has asked for too much is to be silent.
//!
//! Each client has a bucket per quota, which empties at the quota's rate: what it asks for flows in, and whatever is above the
//! burst that is allowed is to be waited for. A client is an entity's part that has the quota: with a default quota each has a
//! bucket of its own.

use std::collections::HashMap;
use std::sync::Arc;

use anymq_catalog::{QuotaEntity, QuotaKind, QuotaPart, Quotas};
use anymq_types::Millis;

/// Most buckets; when there are as many, those that are empty go, and then the fullest serves all who come new.
const BUCKETS_MAX: usize = 10_000;

const NANOS_PER_MS: u64 = 1_000_000;

/// What may be asked for at once without waiting, and the longest wait; in milliseconds.
fn bounds(kind: QuotaKind) -> (u64, u64) {
    match kind {
        QuotaKind::ProducerByteRate | QuotaKind::ConsumerByteRate => (1_000, 30_000),
        QuotaKind::RequestPercentage => (1_000, 1_000),
        // Topics come in bursts, and many at once.
        QuotaKind::ControllerMutationRate => (11_000, 3_600_000),
    }
}

/// How much of what a quota counts is one unit of its rate.
fn unit(kind: QuotaKind) -> u64 {
    match kind {
        QuotaKind::ProducerByteRate | QuotaKind::ConsumerByteRate | QuotaKind::ControllerMutationRate => 1,
        // Counted in nanoseconds; one percent of a second.
        QuotaKind::RequestPercentage => 10 * NANOS_PER_MS,
    }
}

type Key = (QuotaKind, Option<Arc<str>>, Option<Arc<str>>);

/// Buckets of clients that have a quota.
#[derive(Debug, Default)]
pub(crate) struct Throttles {
    /// When each is empty, in nanoseconds since the epoch.
    empty_at: HashMap<Key, u64>,
}

impl Throttles {
    /// A client asks for `amount`: bytes, nanoseconds or partitions; how long it is to be silent, in milliseconds.
    pub(crate) fn charge(
        &mut self,
        now: Millis,
        quotas: &Quotas,
        (user, client_id): (&str, &str),
        kind: QuotaKind,
        amount: u64,
    ) -> u64 {
        let Some((entity, rate)) = quotas.limit(user, client_id, kind) else { return 0 };
        let now = now.0.saturating_mul(NANOS_PER_MS);
        let key = self.key(now, entity, (user, client_id), kind);
        let parts = u128::from(amount) * u128::from(kind.parts()) * 1_000_000_000;
        let took = parts / (u128::from(rate.max(1)) * u128::from(unit(kind)));
        let (burst_ms, wait_ms) = bounds(kind);
        let burst = now.saturating_add(burst_ms * NANOS_PER_MS);
        let empty_at = self.empty_at.entry(key).or_insert(now);
        let filled = (*empty_at).max(now).saturating_add(u64::try_from(took).unwrap_or(u64::MAX));
        *empty_at = filled.min(burst.saturating_add(wait_ms * NANOS_PER_MS));
        empty_at.saturating_sub(burst).div_ceil(NANOS_PER_MS)
    }

    fn key(
        &mut self,
        now: u64,
        entity: &QuotaEntity,
        (user, client_id): (&str, &str),
        kind: QuotaKind,
    ) -> Key {
        let part = |of: &Option<QuotaPart>, own: &str| of.as_ref().map(|_| Arc::from(own));
        let key = (kind, part(&entity.user, user), part(&entity.client_id, client_id));
        if self.empty_at.len() < BUCKETS_MAX || self.empty_at.contains_key(&key) {
            return key;
        }
        self.empty_at.retain(|_, at| *at > now);
        if self.empty_at.len() < BUCKETS_MAX {
            return key;
        }
        // Client ids are the client's to choose: changing them must not pay.
        let fullest = self.empty_at.iter().filter(|((of, ..), _)| *of == kind).max_by_key(|(_, at)| **at);
        fullest.map_or(key, |(key, _)| key.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(
        user: Option<QuotaPart>,
        client_id: Option<QuotaPart>,
        limits: &[(QuotaKind, u64)],
    ) -> Arc<Quotas> {
        let mut catalog = anymq_catalog::Catalog::new();
        let entity = QuotaEntity { user, client_id };
        let limits = limits.iter().copied().collect();
        catalog.apply(anymq_catalog::Change::QuotaPut { entity, limits }).unwrap();
        catalog.quotas().clone()
    }

    #[test]
    fn what_is_above_a_second_is_waited_for() {
        let quotas = quotas(Some(QuotaPart::Default), None, &[(QuotaKind::ProducerByteRate, 1000)]);
        let mut throttles = Throttles::default();
        let mut charge = |at, user, amount| {
            throttles.charge(Millis(at), &quotas, (user, "c"), QuotaKind::ProducerByteRate, amount)
        };
        assert_eq!(charge(0, "a", 900), 0);
        assert_eq!(charge(0, "a", 600), 500);
        assert_eq!(charge(0, "b", 1000), 0, "each has its own");
        assert_eq!(charge(500, "a", 0), 0);
        assert_eq!(charge(10_000, "a", 1000), 0);
        assert_eq!(charge(10_000, "a", u64::MAX), 30_000);
        let other = throttles.charge(Millis(0), &quotas, ("b", "c"), QuotaKind::ConsumerByteRate, u64::MAX);
        assert_eq!(other, 0, "of that there is no quota");
    }

    /// Small requests are not too small to count, and a client that waits as it is told gets its rate.
    #[test]
    fn the_rate_is_held() {
        let rate = 1_000_000;
        let quotas = quotas(None, Some(QuotaPart::Default), &[(QuotaKind::ConsumerByteRate, rate)]);
        for amount in [10, 999, 50_000, 3_000_000] {
            let mut throttles = Throttles::default();
            let (mut now, mut sent) = (Millis(1_700_000_000_000), 0);
            let end = now.0 + 60_000;
            while now.0 < end {
                let wait = throttles.charge(now, &quotas, ("u", "c"), QuotaKind::ConsumerByteRate, amount);
                now.0 += wait;
                sent += amount;
            }
            let held = sent as f64 / (60.0 * rate as f64);
            assert!((0.98..1.1).contains(&held), "{amount}: {held}");
        }
    }

    #[test]
    fn percentages_and_mutations_have_units_of_their_own() {
        use QuotaKind::{ControllerMutationRate, RequestPercentage};
        let limits = [(RequestPercentage, 50_000), (ControllerMutationRate, 500)];
        let quotas = quotas(Some(QuotaPart::Name("u".into())), None, &limits);
        let mut throttles = Throttles::default();
        let mut charge = |kind, amount| throttles.charge(Millis(5_000), &quotas, ("u", "c"), kind, amount);
        // Half a second of work is a second's worth of 50 percent.
        assert_eq!(charge(RequestPercentage, 500_000_000), 0);
        assert_eq!(charge(RequestPercentage, 100_000_000), 200);
        assert_eq!(charge(RequestPercentage, 10_000_000_000), 1_000);
        // Half a partition a second: five in eleven seconds.
        assert_eq!(charge(ControllerMutationRate, 5), 0);
        assert_eq!(charge(ControllerMutationRate, 5), 9_000);
    }

    #[test]
    fn buckets_are_bounded_and_a_new_name_does_not_pay() {
        let quotas = quotas(None, Some(QuotaPart::Default), &[(QuotaKind::ProducerByteRate, 1)]);
        let mut throttles = Throttles::default();
        for n in 0..BUCKETS_MAX + 10 {
            let name = format!("c{n}");
            let silent = throttles.charge(Millis(0), &quotas, ("u", &name), QuotaKind::ProducerByteRate, 10);
            assert!(silent >= 9_000);
        }
        assert_eq!(throttles.empty_at.len(), BUCKETS_MAX);
        throttles.charge(Millis(100_000), &quotas, ("u", "late"), QuotaKind::ProducerByteRate, 1);
        assert_eq!(throttles.empty_at.len(), 1, "those that are empty have gone");
    }
}
