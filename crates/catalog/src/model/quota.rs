//! How much clients may ask for in a second.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest name in a quota, in bytes.
pub const QUOTA_NAME_BYTES_MAX: usize = 255;

/// What is limited. Each is a rate per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaKind {
    /// Bytes of requests that produce.
    ProducerByteRate,
    /// Bytes of answers to fetches.
    ConsumerByteRate,
    /// Time that requests take, in percent of one thread's.
    RequestPercentage,
    /// Partitions made and deleted.
    ControllerMutationRate,
}

/// Why a number is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateFault {
    /// 0, below, or no number.
    #[error("must be greater than 0")]
    NotPositive,
    /// More than can be counted.
    #[error("is too large")]
    TooLarge,
    /// Of what comes in whole numbers.
    #[error("cannot be a fractional value")]
    Fraction,
}

impl QuotaKind {
    /// All of them.
    pub const ALL: [QuotaKind; 4] = [
        QuotaKind::ProducerByteRate,
        QuotaKind::ConsumerByteRate,
        QuotaKind::RequestPercentage,
        QuotaKind::ControllerMutationRate,
    ];

    /// Its name, as clients have it.
    pub fn name(self) -> &'static str {
        match self {
            QuotaKind::ProducerByteRate => "producer_byte_rate",
            QuotaKind::ConsumerByteRate => "consumer_byte_rate",
            QuotaKind::RequestPercentage => "request_percentage",
            QuotaKind::ControllerMutationRate => "controller_mutation_rate",
        }
    }

    /// The kind of that name.
    pub fn find(name: &str) -> Option<QuotaKind> {
        QuotaKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Into how many parts the unit of a kept rate is divided.
    pub fn parts(self) -> u64 {
        match self {
            QuotaKind::ProducerByteRate | QuotaKind::ConsumerByteRate => 1,
            QuotaKind::RequestPercentage | QuotaKind::ControllerMutationRate => 1000,
        }
    }

    /// The kept rate of a number.
    ///
    /// # Errors
    /// If it is none.
    pub fn rate(self, value: f64) -> Result<u64, RateFault> {
        if value.is_nan() || value <= 0.0 {
            return Err(RateFault::NotPositive);
        }
        let kept = value * self.parts() as f64;
        if kept >= i64::MAX as f64 && self.parts() > 1 || value > i64::MAX as f64 {
            return Err(RateFault::TooLarge);
        }
        if self.parts() == 1 && value.fract() != 0.0 {
            return Err(RateFault::Fraction);
        }
        Ok((kept.round() as u64).max(1))
    }

    /// The number of a kept rate.
    pub fn value(self, rate: u64) -> f64 {
        rate as f64 / self.parts() as f64
    }
}

/// A part of an entity: of that name, or every one that has no quota of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaPart {
    /// All others.
    Default,
    /// This one.
    Name(Arc<str>),
}

/// Whom a quota is for: a user, whoever calls itself by a client id, or both together.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QuotaEntity {
    /// Which user; `None`: whoever it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<QuotaPart>,
    /// Which client id; `None`: whatever it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<QuotaPart>,
}

/// Kept rates by what they limit, all above 0; see [`QuotaKind::parts`].
pub type QuotaLimits = BTreeMap<QuotaKind, u64>;

/// Every quota there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quotas(BTreeMap<QuotaEntity, QuotaLimits>);

impl Quotas {
    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&QuotaEntity, &QuotaLimits)> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many entities have one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What an entity has of its own.
    pub fn get(&self, entity: &QuotaEntity) -> Option<&QuotaLimits> {
        self.0.get(entity)
    }

    pub(crate) fn put(&mut self, entity: QuotaEntity, limits: QuotaLimits) -> bool {
        if limits.is_empty() {
            return self.0.remove(&entity).is_some();
        }
        self.0.insert(entity, limits.clone()) != Some(limits)
    }

    /// The limit for a client, and the entity that has it: the one that names more of it, users before client ids.
    pub fn limit(&self, user: &str, client_id: &str, kind: QuotaKind) -> Option<(&QuotaEntity, u64)> {
        let name = |text: &str| Some(QuotaPart::Name(text.into()));
        let default = || Some(QuotaPart::Default);
        let order = [
            (name(user), name(client_id)),
            (name(user), default()),
            (name(user), None),
            (default(), name(client_id)),
            (default(), default()),
            (default(), None),
            (None, name(client_id)),
            (None, default()),
        ];
        order.into_iter().find_map(|(user, client_id)| {
            let (entity, limits) = self.0.get_key_value(&QuotaEntity { user, client_id })?;
            Some((entity, *limits.get(&kind)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Option<QuotaPart> {
        match text {
            "" => None,
            "*" => Some(QuotaPart::Default),
            name => Some(QuotaPart::Name(name.into())),
        }
    }

    #[test]
    fn the_entity_that_names_more_counts() {
        let order =
            [("u", "c"), ("u", "*"), ("u", ""), ("*", "c"), ("*", "*"), ("*", ""), ("", "c"), ("", "*")];
        let mut quotas = Quotas::default();
        let entity = |(user, client): (&str, &str)| QuotaEntity { user: part(user), client_id: part(client) };
        for (rate, &one) in (1..).zip(&order) {
            assert!(quotas.put(entity(one), [(QuotaKind::ProducerByteRate, rate)].into()));
        }
        for (rate, &one) in (1..).zip(&order) {
            let limit = quotas.limit("u", "c", QuotaKind::ProducerByteRate);
            assert_eq!(limit, Some((&entity(one), rate)));
            assert_eq!(quotas.limit("u", "c", QuotaKind::ConsumerByteRate), None);
            assert!(quotas.put(entity(one), QuotaLimits::new()));
        }
        assert!(quotas.is_empty() && !quotas.put(entity(("u", "")), QuotaLimits::new()));
    }

    /// One that names more but limits something else does not hide it.
    #[test]
    fn each_kind_is_looked_up_by_itself() {
        let mut quotas = Quotas::default();
        let (all, one) = (
            QuotaEntity { user: part("*"), client_id: None },
            QuotaEntity { user: part("u"), client_id: None },
        );
        quotas.put(all.clone(), [(QuotaKind::ProducerByteRate, 5)].into());
        quotas.put(one, [(QuotaKind::ConsumerByteRate, 7)].into());
        assert_eq!(quotas.limit("u", "", QuotaKind::ProducerByteRate), Some((&all, 5)));
    }

    #[test]
    fn rates_are_kept_as_they_are_told() {
        use QuotaKind::{ControllerMutationRate, ProducerByteRate, RequestPercentage};
        for (kind, value) in [
            (ProducerByteRate, 1.0),
            (ProducerByteRate, 1e15),
            (ProducerByteRate, i64::MAX as f64),
            (RequestPercentage, 0.1),
            (RequestPercentage, 200.0),
            (ControllerMutationRate, 1.5),
        ] {
            assert_eq!(kind.value(kind.rate(value).unwrap()), value);
        }
        for (kind, value, fault) in [
            (ProducerByteRate, 0.0, RateFault::NotPositive),
            (RequestPercentage, -1.0, RateFault::NotPositive),
            (RequestPercentage, f64::NAN, RateFault::NotPositive),
            (ProducerByteRate, 1.5, RateFault::Fraction),
            (ProducerByteRate, 1e300, RateFault::TooLarge),
            (ControllerMutationRate, f64::INFINITY, RateFault::TooLarge),
        ] {
            assert_eq!(kind.rate(value), Err(fault), "{kind:?} {value}");
        }
    }
}
