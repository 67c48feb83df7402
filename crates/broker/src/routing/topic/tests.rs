use std::collections::BTreeSet;

use anymq_types::QueueId;
use proptest::prelude::*;

use super::*;
use crate::routing::Targets;

/// The definition, word by word, with backtracking.
fn matches(pattern: &[&[u8]], key: &[&[u8]]) -> bool {
    match (pattern.first(), key.first()) {
        (None, None) => true,
        (Some(&b"#"), _) => matches(&pattern[1..], key) || (!key.is_empty() && matches(pattern, &key[1..])),
        (Some(&b"*"), Some(_)) => matches(&pattern[1..], &key[1..]),
        (Some(word), Some(found)) => word == found && matches(&pattern[1..], &key[1..]),
        _ => false,
    }
}

fn naive(pattern: &str, key: &str) -> bool {
    let (pattern, key): (Vec<_>, Vec<_>) =
        (words(pattern.as_bytes()).collect(), words(key.as_bytes()).collect());
    matches(&pattern, &key)
}

fn topic(patterns: &[String]) -> Topic {
    let mut topic = Topic::default();
    for (id, pattern) in patterns.iter().enumerate() {
        topic.bind(pattern.as_bytes(), Target::Queue(QueueId(id as u64)));
    }
    topic
}

fn route(topic: &Topic, key: &str) -> BTreeSet<u64> {
    let mut targets = Targets::new();
    topic.route(key.as_bytes(), &mut Sink::new(&mut targets));
    targets.as_slice().iter().map(|id| id.0).collect()
}

#[test]
fn the_patterns_of_the_specification() {
    for (pattern, key, expected) in [
        ("#", "", true),
        ("#", "a.b.c", true),
        ("", "", true),
        ("", "a", false),
        ("*", "", false),
        ("*", "a", true),
        ("*", "a.b", false),
        ("*.*", ".", true),
        ("*.stock.#", "usd.stock", true),
        ("*.stock.#", "eur.stock.db", true),
        ("*.stock.#", "stock.nasdaq", false),
        ("#.a.#", "a", true),
        ("#.a.#", "x.a.y.a", true),
        ("#.#", "", true),
        ("#.*.#", "", false),
        ("#.*.#", "x", true),
        ("a.#.b", "a.b", true),
        ("a.#.b", "a.x.y.b", true),
        ("a.#.b", "a.b.x", false),
        ("a..b", "a..b", true),
        ("a.*.b", "a..b", true),
        ("a#", "ab", false),
        ("a#", "a#", true),
    ] {
        assert_eq!(naive(pattern, key), expected, "the naive matcher: {pattern} on {key}");
        let found = !route(&topic(&[pattern.to_owned()]), key).is_empty();
        assert_eq!(found, expected, "{pattern} on {key}");
    }
}

fn word() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just(""), Just("*"), Just("#"), Just("#")]
}

fn text(max: usize) -> impl Strategy<Value = String> {
    proptest::collection::vec(word(), 0..max).prop_map(|words| words.join("."))
}

proptest! {
    #[test]
    fn agrees_with_the_naive_matcher(
        patterns in proptest::collection::vec(text(6), 1..24),
        keys in proptest::collection::vec(text(6), 1..8),
    ) {
        let topic = topic(&patterns);
        for key in &keys {
            let expected: BTreeSet<u64> =
                (0..patterns.len()).filter(|i| naive(&patterns[*i], key)).map(|i| i as u64).collect();
            prop_assert_eq!(route(&topic, key), expected, "{:?} on {}", patterns, key);
        }
    }

    #[test]
    fn unbinding_leaves_what_remains_and_nothing_else(
        patterns in proptest::collection::vec(text(5), 1..16),
        removed in proptest::collection::vec(any::<bool>(), 16),
        key in text(5),
    ) {
        let mut topic = topic(&patterns);
        for (id, pattern) in patterns.iter().enumerate().filter(|(id, _)| removed[*id]) {
            topic.unbind(pattern.as_bytes(), Target::Queue(QueueId(id as u64)));
        }
        let expected: BTreeSet<u64> = (0..patterns.len())
            .filter(|i| !removed[*i] && naive(&patterns[*i], &key))
            .map(|i| i as u64)
            .collect();
        prop_assert_eq!(route(&topic, &key), expected);
        for (id, pattern) in patterns.iter().enumerate().filter(|(id, _)| !removed[*id]) {
            topic.unbind(pattern.as_bytes(), Target::Queue(QueueId(id as u64)));
        }
        prop_assert_eq!(topic.trie.len(), 1, "only the root is left");
    }
}

/// Steps of a key of 250 bytes of one-byte words, and the number of nodes.
fn steps(patterns: &[String]) -> (usize, usize, usize) {
    let topic = topic(patterns);
    let key = ["a"; 125].join(".");
    let mut found = 0;
    let steps = topic.walk(key.as_bytes(), |targets| found += targets.len());
    (steps, topic.trie.len(), found)
}

#[test]
fn hostile_patterns_cost_words_times_nodes_at_most() {
    let repeated = |word: &str, n: usize| vec![word; n].join(".");
    let cases: [(&str, Vec<String>); 5] = [
        ("one long run of #", vec![repeated("#", 125)]),
        ("# and * in turn", vec![repeated("#.*", 60), repeated("*.#", 60)]),
        ("# and a in turn, all prefixes", (1..60).map(|n| repeated("#.a", n)).collect()),
        ("10 000 bindings of # between words", (0..10_000).map(|n| format!("#.a.#.w{n}.#.a.#.#")).collect()),
        (
            "10 000 bindings of *.*.*",
            (0..10_000).map(|n| format!("{}.w{n}", repeated("*", 1 + n % 100))).collect(),
        ),
    ];
    for (name, patterns) in cases {
        let (steps, nodes, _) = steps(&patterns);
        assert!(steps <= 2 * 126 * nodes, "{name}: {steps} steps, {nodes} nodes");
    }
}

#[test]
fn ten_thousand_patterns_that_end_in_words_apart_are_hardly_looked_at() {
    let patterns: Vec<String> = (0..10_000).map(|n| format!("#.a.#.w{n}.#.a.#")).collect();
    let (steps, _, found) = steps(&patterns);
    assert_eq!(found, 0);
    assert!(steps < 2_000, "{steps}");
}

#[test]
fn each_hash_node_reports_once() {
    let patterns: Vec<String> = (0..50).map(|n| vec!["#.a"; n % 10 + 1].join(".") + ".#").collect();
    let (_, _, found) = steps(&patterns);
    assert_eq!(found, 50);
}

#[test]
fn a_hundred_thousand_bindings_take_less_than_40_mb() {
    let mut topic = Topic::default();
    for n in 0..100_000u64 {
        let pattern = format!("region{}.device{n}.temperature", n % 100);
        topic.bind(pattern.as_bytes(), Target::Queue(QueueId(n)));
    }
    let bytes = topic.trie.heap_bytes();
    assert!(bytes < 40 << 20, "{bytes}");
    assert_eq!(route(&topic, "region42.device4242.temperature"), BTreeSet::from([4242]));
    for n in 0..100_000u64 {
        let pattern = format!("region{}.device{n}.temperature", n % 100);
        topic.unbind(pattern.as_bytes(), Target::Queue(QueueId(n)));
    }
    assert_eq!(topic.trie.len(), 1);
}
