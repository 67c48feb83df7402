use anymq_catalog::RoutingKey;
use anymq_types::value::{Table, Value};
use anymq_types::{ExchangeId, QueueId, VhostId};
use proptest::prelude::*;

use super::*;
use crate::routing::Targets;

fn binding(name: &str, weight: &str) -> Binding {
    Binding {
        vhost: VhostId(1),
        source: "x".into(),
        destination: Destination::Queue(name.into()),
        routing_key: RoutingKey::from(weight),
        args: Args::EMPTY,
    }
}

fn ring(weights: &[u32]) -> ConsistentHash {
    let mut hash = ConsistentHash::new(&Args::EMPTY);
    for (id, weight) in weights.iter().enumerate() {
        hash.bind(&binding(&format!("q{id}"), &weight.to_string()), Target::Queue(QueueId(id as u64)));
    }
    hash
}

fn message(key: &[u8]) -> Message<'_, impl Fn() -> Option<PropsRef<'static>>> {
    Message { exchange: b"x", routing_key: key, copies: &[], props: || None, seed: 0, trusted: false }
}

fn choose(hash: &ConsistentHash, key: &str) -> u64 {
    let mut targets = Targets::new();
    hash.route(&message(key.as_bytes()), &mut Sink::new(&mut targets));
    let [QueueId(id)] = targets.as_slice() else { panic!("{targets:?}") };
    *id
}

#[test]
fn shares_follow_weights() {
    for weights in [vec![1, 1], vec![1; 10], vec![1, 2, 3], vec![10_000, 5_000, 1], vec![20, 10, 30, 40]] {
        let hash = ring(&weights);
        let mut counts = vec![0u32; weights.len()];
        (0..20_000).for_each(|n| counts[choose(&hash, &format!("key-{n}")) as usize] += 1);
        let total: u32 = weights.iter().sum();
        for (count, weight) in counts.iter().zip(&weights) {
            let expected = 20_000.0 * f64::from(*weight) / f64::from(total);
            // Five standard deviations of a binomial.
            let slack = 5.0 * expected.sqrt() + 1.0;
            assert!((f64::from(*count) - expected).abs() < slack, "{weights:?}: {counts:?}");
        }
    }
}

#[test]
fn a_queue_that_comes_takes_its_share_and_nothing_moves_between_others() {
    let (before, after) = (ring(&[1; 9]), ring(&[1; 10]));
    let mut moved = 0;
    for n in 0..10_000 {
        let key = format!("key-{n}");
        let (old, new) = (choose(&before, &key), choose(&after, &key));
        if old != new {
            assert_eq!(new, 9, "a key moved between queues that were there before");
            moved += 1;
        }
    }
    assert!((850..1150).contains(&moved), "{moved}");
}

proptest! {
    #[test]
    fn a_queue_that_goes_leaves_the_keys_of_others(
        weights in proptest::collection::vec(1u32..50, 2..12),
        gone in any::<prop::sample::Index>(),
        keys in proptest::collection::vec("[a-z]{0,12}", 1..50),
    ) {
        let gone = gone.index(weights.len());
        let before = ring(&weights);
        let mut after = ring(&weights);
        after.unbind(
            &binding(&format!("q{gone}"), &weights[gone].to_string()),
            Target::Queue(QueueId(gone as u64)),
        );
        for key in &keys {
            let (old, new) = (choose(&before, key), choose(&after, key));
            prop_assert_ne!(new, gone as u64);
            prop_assert!(old == new || old == gone as u64);
        }
    }

    #[test]
    fn the_order_of_binding_does_not_matter(keys in proptest::collection::vec("[a-z]{0,12}", 1..50)) {
        let forwards = ring(&[1, 2, 3, 4]);
        let mut backwards = ConsistentHash::new(&Args::EMPTY);
        for id in (0..4u64).rev() {
            backwards.bind(&binding(&format!("q{id}"), &(id + 1).to_string()), Target::Queue(QueueId(id)));
        }
        for key in &keys {
            prop_assert_eq!(choose(&forwards, key), choose(&backwards, key));
        }
    }
}

/// Fixed values: a change of the hash would send keys to other queues after an update.
#[test]
fn keys_stay_over_versions() {
    let hash = ring(&[1, 1, 1, 1]);
    let chosen = ["", "a", "b", "c", "order-1", "order-2", "order-3"].map(|key| choose(&hash, key));
    assert_eq!(chosen, [0, 2, 2, 3, 0, 3, 3]);
    assert_eq!(hash_bytes(b"order-1"), 0x4b1f_a4bb_6f60_e07b);
}

#[test]
fn headers_and_properties_are_hashed_where_asked() {
    let mut bytes = Vec::new();
    let headers = Table::from_iter([("tenant", Value::from("acme")), ("n", Value::I64(7))]);
    let props = anymq_types::props::Properties {
        headers: Some(headers),
        message_id: Some("m-1".into()),
        correlation_id: Some("c-1".into()),
        timestamp: Some(1_700_000_000),
        ..Default::default()
    };
    props.encode(&mut bytes).unwrap();
    let expected = |source: Source| {
        source.hash(&Message {
            exchange: b"x",
            routing_key: b"key",
            copies: &[],
            props: || PropsRef::parse(&bytes).ok(),
            seed: 0,
            trusted: false,
        })
    };
    assert_eq!(expected(Source::RoutingKey), hash_bytes(b"key"));
    assert_eq!(expected(Source::MessageId), hash_bytes(b"m-1"));
    assert_eq!(expected(Source::CorrelationId), hash_bytes(b"c-1"));
    assert_eq!(expected(Source::Timestamp), hash_bytes(&1_700_000_000u64.to_le_bytes()));
    assert_eq!(expected(Source::Header("tenant".into())), hash_bytes(b"acme"));
    assert_eq!(expected(Source::Header("n".into())), hash_value(ValueRef::I32(7)));
    assert_eq!(expected(Source::Header("absent".into())), hash_bytes(b""));
}

#[test]
fn a_destination_bound_twice_counts_with_its_highest_weight() {
    let mut hash = ring(&[1, 1]);
    let heavy = binding("q0", "1000");
    hash.bind(&heavy, Target::Queue(QueueId(0)));
    let share = |hash: &ConsistentHash| (0..1000).filter(|n| choose(hash, &n.to_string()) == 0).count();
    assert!(share(&hash) > 980);
    hash.unbind(&heavy, Target::Queue(QueueId(0)));
    assert!((400..600).contains(&share(&hash)));
    hash.unbind(&binding("q0", "1"), Target::Queue(QueueId(0)));
    assert_eq!(share(&hash), 0);
}

#[test]
fn modulus_spreads_in_the_order_of_names() {
    let mut modulus = ModulusHash::default();
    for id in [3u64, 1, 0, 2] {
        modulus.bind(&binding(&format!("q{id}"), "any"), Target::Queue(QueueId(id)));
    }
    let to_exchange = Binding { destination: Destination::Exchange("q0".into()), ..binding("", "") };
    modulus.bind(&to_exchange, Target::Exchange(ExchangeId(9)));
    modulus.unbind(&to_exchange, Target::Exchange(ExchangeId(9)));
    let mut counts = [0; 4];
    for n in 0..4000 {
        let key = format!("k{n}");
        let mut targets = Targets::new();
        modulus.route(key.as_bytes(), &mut Sink::new(&mut targets));
        assert_eq!(targets.as_slice(), [QueueId(hash_bytes(key.as_bytes()) % 4)]);
        counts[targets.as_slice()[0].0 as usize] += 1;
    }
    assert!(counts.iter().all(|n| (850..1150).contains(n)), "{counts:?}");
}
