//! Policies: which applies, and what it comes to together with the arguments.
//!
//! Sources: `rabbit_policy.erl`, `rabbit_policies.erl`, `rabbit_amqqueue_process.erl` (classic),
//! `rabbit_quorum_queue.erl` and `rabbit_stream_queue.erl` (4.0.5).

use std::cmp::Reverse;
use std::sync::Arc;

use anymq_auth::Pattern;

use crate::args::queue::{DeadLetterStrategy, Overflow, QueueArgs};
use crate::model::{ApplyTo, Exchange, Policy, Queue, QueueKind, RoutingKey};
use crate::schema_rules::SchemaRules;

mod definition;
mod error;

pub use error::PolicyError;

/// Redeliveries of a quorum queue if nothing else is said.
pub const DELIVERY_LIMIT_DEFAULT: u32 = 20;

/// A policy, ready to be asked.
#[derive(Debug)]
pub(crate) struct CompiledPolicy {
    policy: Policy,
    pattern: Pattern,
    values: QueueArgs,
    alternate_exchange: Option<Arc<str>>,
}

impl CompiledPolicy {
    pub(crate) fn compile(policy: Policy) -> Result<Self, PolicyError> {
        let pattern = Pattern::policy(&policy.pattern)?;
        let (values, alternate_exchange) = definition::parse(&policy)?;
        Ok(CompiledPolicy { policy, pattern, values, alternate_exchange })
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn alternate_exchange(&self) -> Option<Arc<str>> {
        self.alternate_exchange.clone()
    }

    /// A policy with a key that the queue's type does not know does not apply to it at all.
    pub(crate) fn applies_to_queue(&self, queue: &Queue) -> bool {
        let kind = match self.policy.apply_to {
            ApplyTo::All | ApplyTo::Queues => true,
            ApplyTo::ClassicQueues => queue.kind == QueueKind::Classic,
            ApplyTo::QuorumQueues => queue.kind == QueueKind::Quorum,
            ApplyTo::Streams => queue.kind == QueueKind::Stream,
            ApplyTo::Exchanges => false,
        };
        kind && self.policy.definition.keys().all(|key| definition::is_for(key, queue.kind))
            && self.pattern.matches(&*queue.name)
    }

    pub(crate) fn applies_to_exchange(&self, exchange: &Exchange) -> bool {
        matches!(self.policy.apply_to, ApplyTo::All | ApplyTo::Exchanges)
            && self.pattern.matches(&*exchange.name)
    }

    /// The one of highest priority; of equal ones, the first by name.
    pub(crate) fn best<'a>(
        policies: impl Iterator<Item = &'a CompiledPolicy>,
        applies: impl Fn(&CompiledPolicy) -> bool,
    ) -> Option<&'a CompiledPolicy> {
        policies.filter(|policy| applies(policy)).min_by_key(|compiled| Reverse(compiled.policy.priority))
    }
}

/// What a queue does: its arguments, the policy on it and the operator policy, merged. Times in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // Each is the argument or policy key of that name.
pub struct QueueSettings {
    pub message_ttl_ms: Option<u64>,
    pub expires_ms: Option<u64>,
    pub max_length: Option<u64>,
    pub max_length_bytes: Option<u64>,
    pub overflow: Overflow,
    pub dead_letter_exchange: Option<Arc<str>>,
    pub dead_letter_routing_key: Option<RoutingKey>,
    pub dead_letter_strategy: DeadLetterStrategy,
    /// `None`: no priorities.
    pub max_priority: Option<u8>,
    pub single_active_consumer: bool,
    /// Redeliveries after the first delivery; `None` is no limit.
    pub delivery_limit: Option<u32>,
    pub consumer_timeout_ms: Option<u64>,
    pub max_age_ms: Option<u64>,
    pub stream_max_segment_bytes: Option<u64>,
    pub stream_filter_bytes: Option<u8>,
    /// A delivery not settled by then is delivered again.
    pub lease_ms: Option<u64>,
    /// Every message is delivered that much later.
    pub delay_ms: Option<u64>,
    /// Messages of a group in order, one outstanding.
    pub message_group: bool,
    /// How long a deduplication id is remembered.
    pub dedup_window_ms: Option<u64>,
    /// What must be written with a schema of the registry.
    pub schema_rules: SchemaRules,
}

impl QueueSettings {
    pub(crate) fn resolve(
        queue: &Queue,
        policy: Option<&CompiledPolicy>,
        operator: Option<&CompiledPolicy>,
    ) -> Self {
        let args = QueueArgs::of(queue.kind, queue.args.table());
        let merged = match (policy, operator) {
            (Some(policy), Some(operator)) => merge_operator(&policy.values, &operator.values),
            (Some(one), None) | (None, Some(one)) => one.values.clone(),
            (None, None) => QueueArgs::default(),
        };
        Self::from_parts(queue.kind, args, merged)
    }

    /// Settings of a queue with neither arguments nor policies, by kind.
    pub(crate) fn plain() -> [Arc<Self>; 3] {
        [QueueKind::Classic, QueueKind::Quorum, QueueKind::Stream]
            .map(|kind| Arc::new(Self::from_parts(kind, QueueArgs::default(), QueueArgs::default())))
    }

    fn from_parts(kind: QueueKind, args: QueueArgs, policy: QueueArgs) -> Self {
        // Limits: the tighter one. Destinations: the argument. A stream's retention, and how a quorum queue
        // overflows: the policy.
        let (max_length_bytes, overflow) = match kind {
            QueueKind::Classic => {
                (lower(args.max_length_bytes, policy.max_length_bytes), args.overflow.or(policy.overflow))
            }
            QueueKind::Quorum => {
                (lower(args.max_length_bytes, policy.max_length_bytes), policy.overflow.or(args.overflow))
            }
            QueueKind::Stream => (policy.max_length_bytes.or(args.max_length_bytes), None),
        };
        // What either demands: neither can be had by saying nothing.
        let schema_rules = args.schema_rules().or(policy.schema_rules());
        let delivery_limit = tighter_delivery_limit(args.delivery_limit, policy.delivery_limit);
        QueueSettings {
            message_ttl_ms: lower(args.message_ttl_ms, policy.message_ttl_ms),
            expires_ms: lower(args.expires_ms, policy.expires_ms),
            max_length: lower(args.max_length, policy.max_length),
            max_length_bytes,
            overflow: overflow.unwrap_or_default(),
            dead_letter_exchange: args.dead_letter_exchange.or(policy.dead_letter_exchange),
            dead_letter_routing_key: args.dead_letter_routing_key.or(policy.dead_letter_routing_key),
            dead_letter_strategy: args
                .dead_letter_strategy
                .or(policy.dead_letter_strategy)
                .unwrap_or_default(),
            max_priority: args.max_priority,
            single_active_consumer: args.single_active_consumer.unwrap_or_default(),
            delivery_limit: match (kind, delivery_limit) {
                (QueueKind::Quorum, None) => Some(DELIVERY_LIMIT_DEFAULT),
                (QueueKind::Quorum, Some(limit)) if limit >= 0 => {
                    Some(u32::try_from(limit).unwrap_or(u32::MAX))
                }
                _ => None,
            },
            consumer_timeout_ms: lower(args.consumer_timeout_ms, policy.consumer_timeout_ms),
            max_age_ms: policy.max_age_ms.or(args.max_age_ms),
            stream_max_segment_bytes: policy.stream_max_segment_bytes.or(args.stream_max_segment_bytes),
            stream_filter_bytes: policy.stream_filter_bytes.or(args.stream_filter_bytes),
            lease_ms: args.lease_ms,
            delay_ms: args.delay_ms,
            message_group: args.message_group.unwrap_or_default(),
            dedup_window_ms: args.dedup_window_ms,
            schema_rules,
        }
    }
}

fn lower<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// A negative one is no limit, so of two the greater is the tighter if either is negative.
fn tighter_delivery_limit(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    match (a, b) {
        (Some(a), Some(b)) if a < 0 || b < 0 => Some(a.max(b)),
        (a, b) => lower(a, b),
    }
}

/// Limits: the tighter one; overflow: the operator's. Other keys are not allowed in an operator policy.
fn merge_operator(policy: &QueueArgs, operator: &QueueArgs) -> QueueArgs {
    QueueArgs {
        message_ttl_ms: lower(policy.message_ttl_ms, operator.message_ttl_ms),
        expires_ms: lower(policy.expires_ms, operator.expires_ms),
        max_length: lower(policy.max_length, operator.max_length),
        max_length_bytes: lower(policy.max_length_bytes, operator.max_length_bytes),
        delivery_limit: tighter_delivery_limit(policy.delivery_limit, operator.delivery_limit),
        overflow: operator.overflow.or(policy.overflow),
        ..policy.clone()
    }
}

#[cfg(test)]
mod tests;
