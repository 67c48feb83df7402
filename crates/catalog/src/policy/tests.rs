use anymq_types::value::Value;
use anymq_types::{QueueId, VhostId};
use serde_json::{Value as Json, json};

use super::*;
use crate::args::Args;

fn policy(pattern: &str, apply_to: ApplyTo, priority: i32, definition: Json) -> Policy {
    Policy {
        vhost: VhostId(1),
        name: format!("p{priority}").into(),
        pattern: pattern.into(),
        apply_to,
        priority,
        definition: serde_json::from_value(definition).unwrap(),
        operator: false,
    }
}

fn compiled(definition: Json) -> CompiledPolicy {
    CompiledPolicy::compile(policy("", ApplyTo::All, 0, definition)).unwrap()
}

fn operator(definition: Json) -> CompiledPolicy {
    CompiledPolicy::compile(Policy { operator: true, ..policy("", ApplyTo::All, 0, definition) }).unwrap()
}

fn queue(name: &str, kind: QueueKind, args: &[(&str, Value)]) -> Queue {
    Queue {
        id: QueueId(1),
        vhost: VhostId(1),
        name: name.into(),
        kind,
        durable: true,
        auto_delete: false,
        exclusive_owner: None,
        args: Args::new(args.iter().cloned().collect()),
    }
}

#[test]
fn applies_by_pattern_type_and_keys() {
    use QueueKind::{Classic, Quorum, Stream};
    for (pattern, apply_to, definition, name, kind, expected) in [
        ("^a", ApplyTo::All, json!({"max-length": 1}), "abc", Classic, true),
        ("^a", ApplyTo::All, json!({"max-length": 1}), "bca", Classic, false),
        ("a", ApplyTo::Queues, json!({"max-length": 1}), "bca", Quorum, true),
        ("", ApplyTo::Exchanges, json!({"alternate-exchange": "x"}), "q", Classic, false),
        ("", ApplyTo::ClassicQueues, json!({"max-length": 1}), "q", Classic, true),
        ("", ApplyTo::ClassicQueues, json!({"max-length": 1}), "q", Quorum, false),
        ("", ApplyTo::QuorumQueues, json!({"max-length": 1}), "q", Quorum, true),
        ("", ApplyTo::Streams, json!({"max-age": "1h"}), "q", Stream, true),
        ("", ApplyTo::Streams, json!({"max-age": "1h"}), "q", Quorum, false),
        // A key the type does not know keeps the whole policy off.
        ("", ApplyTo::All, json!({"max-length": 1, "delivery-limit": 3}), "q", Classic, false),
        ("", ApplyTo::All, json!({"max-length": 1, "delivery-limit": 3}), "q", Quorum, true),
        ("", ApplyTo::All, json!({"message-ttl": 1}), "q", Stream, false),
        ("", ApplyTo::All, json!({"max-age": "1h"}), "q", Classic, false),
    ] {
        let compiled = CompiledPolicy::compile(policy(pattern, apply_to, 0, definition.clone())).unwrap();
        assert_eq!(compiled.applies_to_queue(&queue(name, kind, &[])), expected, "{definition} on {name}");
    }
}

#[test]
fn the_highest_priority_wins_then_the_first_name() {
    let named = |name: &str, priority: i32| {
        let policy = policy("", ApplyTo::All, priority, json!({"max-length": 1}));
        CompiledPolicy::compile(Policy { name: name.into(), ..policy }).unwrap()
    };
    let policies = [named("a", -1), named("b", 5), named("c", 5), named("d", 0)];
    let best = CompiledPolicy::best(policies.iter(), |_| true).unwrap();
    assert_eq!(&*best.policy().name, "b");
    assert!(CompiledPolicy::best(policies.iter(), |_| false).is_none());
}

#[test]
fn arguments_and_policies_merge_as_rabbitmq_merges_them() {
    use QueueKind::{Classic, Quorum, Stream};
    let ttl = queue("q", Classic, &[("x-message-ttl", Value::I32(1000))]);
    let resolve = |queue: &Queue, policy: Option<Json>, op: Option<Json>| {
        let (policy, op) = (policy.map(compiled), op.map(operator));
        QueueSettings::resolve(queue, policy.as_ref(), op.as_ref())
    };
    // Limits: the tighter one.
    for (policy, op, expected) in [
        (None, None, 1000),
        (Some(json!({"message-ttl": 500})), None, 500),
        (Some(json!({"message-ttl": 5000})), None, 1000),
        (None, Some(json!({"message-ttl": 100})), 100),
        (Some(json!({"message-ttl": 500})), Some(json!({"message-ttl": 100})), 100),
        (Some(json!({"message-ttl": 100})), Some(json!({"message-ttl": 500})), 100),
    ] {
        assert_eq!(resolve(&ttl, policy, op).message_ttl_ms, Some(expected));
    }
    // Dead-lettering: the argument.
    let dlx = queue("q", Classic, &[("x-dead-letter-exchange", "mine".into())]);
    let policy = json!({"dead-letter-exchange": "policy's", "dead-letter-routing-key": "k"});
    let settings = resolve(&dlx, Some(policy), None);
    assert_eq!(settings.dead_letter_exchange.as_deref(), Some("mine"));
    assert_eq!(settings.dead_letter_routing_key, Some("k".into()));
    // Overflow: the argument for classic, the policy for quorum, the operator's over the policy's.
    for (kind, expected) in [(Classic, Overflow::DropHead), (Quorum, Overflow::RejectPublish)] {
        let queue = queue("q", kind, &[("x-overflow", "drop-head".into())]);
        assert_eq!(resolve(&queue, Some(json!({"overflow": "reject-publish"})), None).overflow, expected);
    }
    let (policy, op) = (json!({"overflow": "reject-publish"}), json!({"overflow": "drop-head"}));
    assert_eq!(resolve(&queue("q", Classic, &[]), Some(policy), Some(op)).overflow, Overflow::DropHead);
    // A stream's retention: the policy.
    let stream = queue("q", Stream, &[("x-max-age", "1h".into()), ("x-max-length-bytes", Value::I32(10))]);
    let settings = resolve(&stream, Some(json!({"max-age": "2h", "max-length-bytes": 20})), None);
    assert_eq!((settings.max_age_ms, settings.max_length_bytes), (Some(7_200_000), Some(20)));
}

#[test]
fn delivery_limits() {
    use QueueKind::{Classic, Quorum, Stream};
    let limit = |kind, arg: Option<i32>, policy: Option<i32>| {
        let args: Vec<_> = arg.map(|n| ("x-delivery-limit", Value::I32(n))).into_iter().collect();
        let policy = policy.map(|n| compiled(json!({"delivery-limit": n})));
        QueueSettings::resolve(&queue("q", kind, &args), policy.as_ref(), None).delivery_limit
    };
    for (kind, arg, policy, expected) in [
        (Quorum, None, None, Some(DELIVERY_LIMIT_DEFAULT)),
        (Quorum, Some(3), None, Some(3)),
        (Quorum, Some(-1), None, None),
        (Quorum, Some(5), Some(3), Some(3)),
        (Quorum, Some(-1), Some(3), Some(3)),
        (Quorum, Some(3), Some(-1), Some(3)),
        (Quorum, None, Some(0), Some(0)),
        (Classic, None, None, None),
        (Stream, None, None, None),
    ] {
        assert_eq!(limit(kind, arg, policy), expected, "{kind:?} {arg:?} {policy:?}");
    }
}

#[test]
fn refuses_what_rabbitmq_refuses() {
    let error = |definition: Json, operator: bool| {
        let policy = Policy { operator, ..policy("", ApplyTo::All, 0, definition) };
        CompiledPolicy::compile(policy).err().map(|error| error.to_string())
    };
    for (definition, operator, expected) in [
        (json!({}), false, Some("no policy provided")),
        (json!({"bogus": 1}), false, Some("[{<<\"bogus\">>,1}] are not recognised policy settings")),
        (
            json!({"max-priority": 5}),
            false,
            Some("[{<<\"max-priority\">>,5}] are not recognised policy settings"),
        ),
        (json!({"message-ttl": -1}), false, Some("-1 is not a valid message TTL")),
        (json!({"message-ttl": "5"}), false, Some("\"5\" is not a valid message TTL")),
        (json!({"expires": 0}), false, Some("0 is not a valid queue expiry")),
        (json!({"overflow": "zzz"}), false, Some("\"zzz\" is not a valid overflow value")),
        (json!({"max-length": 1.5}), false, Some("1.5 is not a valid maximum length")),
        (json!({"alternate-exchange": 1}), false, Some("1 is not a valid alternate exchange name")),
        (
            json!({"stream-filter-size-bytes": 5}),
            false,
            Some("5 is not a valid filter size. Valid range is 16-255"),
        ),
        (
            json!({"dead-letter-exchange": "x"}),
            true,
            Some("[{<<\"dead-letter-exchange\">>,\"x\"}] are not recognised policy settings"),
        ),
        (json!({"dead-letter-routing-key": "k"}), false, None),
        (json!({"ha-mode": "all", "queue-mode": "lazy"}), false, None),
        (json!({"max-length": 5, "expires": 1}), true, None),
    ] {
        assert_eq!(error(definition.clone(), operator).as_deref(), expected, "{definition}");
    }
    let bad = policy("(", ApplyTo::All, 0, json!({"max-length": 1}));
    assert!(matches!(CompiledPolicy::compile(bad), Err(PolicyError::Pattern(_))));
}
