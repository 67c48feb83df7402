use std::collections::BTreeSet;

use anymq_catalog::{Args, Catalog, Change, ExchangeKind, Queue, QueueKind, RoutingKey, Step};
use anymq_types::VhostId;
use anymq_types::limits::TARGETS_MAX;
use anymq_types::value::{Table, Value};
use proptest::prelude::*;

use super::*;

/// A catalogue and the router that is told each of its steps, as in the broker.
#[derive(Default)]
struct World {
    catalog: Catalog,
    router: Router,
}

const VHOST: VhostId = VhostId(1);

impl World {
    fn new() -> Self {
        let mut world = World::default();
        for change in Catalog::initial_changes() {
            world.commit(change);
        }
        for exchange in world.catalog.exchanges(VHOST).filter(|exchange| !exchange.name.is_empty()) {
            world.router.exchange_put(exchange, None);
        }
        world
    }

    fn commit(&mut self, change: Change) {
        for Step { change, .. } in self.catalog.commit(change).unwrap() {
            match change {
                Change::ExchangePut(exchange) => {
                    let alternate = self.catalog.alternate_exchange(&exchange);
                    self.router.exchange_put(&exchange, alternate);
                }
                Change::ExchangeDelete { id } => self.router.exchange_delete(id),
                Change::QueuePut(queue) => self.router.queue_put(&queue.name, queue.id),
                Change::QueueDelete { id } => self.router.queue_delete(&format!("q{}", id.0)),
                Change::BindingPut(binding) => self.router.bind(&binding),
                Change::BindingDelete(binding) => self.router.unbind(&binding),
                _ => {}
            }
        }
    }

    fn queue(&mut self, id: u64) {
        self.commit(Change::QueuePut(Queue {
            id: QueueId(id),
            vhost: VHOST,
            name: format!("q{id}").into(),
            kind: QueueKind::Classic,
            durable: true,
            auto_delete: false,
            exclusive_owner: None,
            args: Args::EMPTY,
        }));
    }

    fn exchange(&mut self, name: &str, kind: ExchangeKind, args: &[(&str, &str)]) {
        self.exchange_with(name, kind, args, |_| {});
    }

    fn exchange_with(
        &mut self,
        name: &str,
        kind: ExchangeKind,
        args: &[(&str, &str)],
        edit: impl Fn(&mut Exchange),
    ) {
        let args = Args::new(args.iter().map(|(key, value)| (*key, Value::from(*value))).collect::<Table>());
        let mut exchange = Exchange {
            id: self.catalog.next_ids().exchange,
            vhost: VHOST,
            name: name.into(),
            kind,
            durable: true,
            auto_delete: false,
            internal: false,
            args,
        };
        edit(&mut exchange);
        self.commit(Change::ExchangePut(exchange));
    }

    fn binding(source: &str, destination: &str, key: &str) -> Binding {
        let destination = match destination.strip_prefix('>') {
            Some(exchange) => Destination::Exchange(exchange.into()),
            None => Destination::Queue(destination.into()),
        };
        Binding {
            vhost: VHOST,
            source: source.into(),
            destination,
            routing_key: RoutingKey::from(key),
            args: Args::EMPTY,
        }
    }

    /// Binds; a destination that begins with `>` is an exchange.
    fn bind(&mut self, source: &str, destination: &str, key: &str) {
        self.commit(Change::BindingPut(Self::binding(source, destination, key)));
    }

    fn unbind(&mut self, source: &str, destination: &str, key: &str) {
        self.commit(Change::BindingDelete(Self::binding(source, destination, key)));
    }

    fn route_with(&self, exchange: &str, keys: &[&str], trusted: bool) -> (Outcome, Vec<u64>) {
        let copies: Vec<&[u8]> = keys[1..].iter().map(|key| key.as_bytes()).collect();
        let message = Message {
            exchange: exchange.as_bytes(),
            routing_key: keys[0].as_bytes(),
            copies: &copies,
            props: || None,
            seed: 0,
            trusted,
        };
        let mut targets = Targets::new();
        let outcome = self.router.route(&message, &mut targets);
        (outcome, targets.as_slice().iter().map(|id| id.0).collect())
    }

    fn route(&self, exchange: &str, key: &str) -> Vec<u64> {
        self.route_with(exchange, &[key], false).1
    }
}

#[test]
fn the_default_exchange_is_every_queues_own() {
    let mut world = World::new();
    world.queue(1);
    world.queue(2);
    assert_eq!(world.route_with("", &["q1"], false), (Outcome::Routed, vec![1]));
    assert_eq!(world.route_with("", &["q2", "q1", "q2", "q9"], false), (Outcome::Routed, vec![1, 2]));
    assert_eq!(world.route_with("", &["q3"], false), (Outcome::Unroutable, vec![]));
    world.commit(Change::QueueDelete { id: QueueId(1) });
    assert_eq!(world.route("", "q1"), [0u64; 0]);
    assert_eq!(world.router.queue(b"q2"), Some(QueueId(2)));
}

#[test]
fn each_predeclared_exchange_routes_as_its_kind() {
    let mut world = World::new();
    (1..=3).for_each(|id| world.queue(id));
    for exchange in ["amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match"] {
        world.bind(exchange, "q1", "a.b");
        world.bind(exchange, "q2", "a.*");
        world.bind(exchange, "q2", "#");
    }
    for (exchange, expected) in [
        ("amq.direct", vec![1]),
        ("amq.fanout", vec![1, 2]),
        ("amq.topic", vec![1, 2]),
        ("amq.headers", vec![1, 2]),
        ("amq.match", vec![1, 2]),
    ] {
        assert_eq!(world.route(exchange, "a.b"), expected, "{exchange}");
    }
    assert_eq!(world.route_with("nope", &["x"], false).0, Outcome::NoSuchExchange);
    assert_eq!(world.route_with("amq.rabbitmq.trace", &["x"], false).0, Outcome::Internal);
    assert_eq!(world.route_with("amq.rabbitmq.trace", &["x"], true).0, Outcome::Unroutable);
}

#[test]
fn a_queue_reached_in_several_ways_gets_one_copy() {
    let mut world = World::new();
    world.queue(1);
    world.exchange("mid", ExchangeKind::Fanout, &[]);
    world.bind("amq.topic", "q1", "a.*");
    world.bind("amq.topic", "q1", "#");
    world.bind("amq.topic", ">mid", "a.b");
    world.bind("mid", "q1", "");
    assert_eq!(world.route_with("amq.topic", &["a.b", "a.c"], false), (Outcome::Routed, vec![1]));
}

#[test]
fn exchanges_bound_in_circles_end() {
    let mut world = World::new();
    world.queue(1);
    for name in ["a", "b", "c"] {
        world.exchange(name, ExchangeKind::Fanout, &[]);
    }
    for (from, to) in [("a", ">b"), ("b", ">c"), ("c", ">a"), ("a", ">a"), ("c", "q1")] {
        world.bind(from, to, "");
    }
    for start in ["a", "b", "c"] {
        assert_eq!(world.route(start, ""), [1], "{start}");
    }
}

#[test]
fn alternates_are_tried_when_nothing_matches() {
    let mut world = World::new();
    world.queue(1);
    world.queue(2);
    world.exchange("first", ExchangeKind::Direct, &[("alternate-exchange", "second")]);
    world.exchange("second", ExchangeKind::Direct, &[("alternate-exchange", "third")]);
    world.exchange("third", ExchangeKind::Fanout, &[("alternate-exchange", "first")]);
    assert_eq!(world.route_with("first", &["k"], false).0, Outcome::Unroutable, "a circle of alternates");
    world.bind("third", "q2", "");
    world.bind("first", "q1", "k");
    assert_eq!(world.route("first", "k"), [1]);
    assert_eq!(world.route("first", "other"), [2]);
    // An exchange behind a binding counts as a match of the first; its own alternate is tried.
    world.exchange("behind", ExchangeKind::Direct, &[]);
    world.bind("first", ">behind", "x");
    assert_eq!(world.route_with("first", &["x"], false).0, Outcome::Unroutable);
    // To the default exchange, and to one that does not exist.
    world.exchange("to-default", ExchangeKind::Direct, &[("alternate-exchange", "")]);
    assert_eq!(world.route("to-default", "q1"), [1]);
    world.exchange("to-nowhere", ExchangeKind::Direct, &[("alternate-exchange", "gone")]);
    assert_eq!(world.route_with("to-nowhere", &["q1"], false).0, Outcome::Unroutable);
}

#[test]
fn an_internal_exchange_takes_from_others_only() {
    let mut world = World::new();
    world.queue(1);
    world.exchange_with("inside", ExchangeKind::Fanout, &[], |exchange| exchange.internal = true);
    world.bind("inside", "q1", "");
    world.bind("amq.direct", ">inside", "k");
    assert_eq!(world.route_with("inside", &["k"], false), (Outcome::Internal, vec![]));
    assert_eq!(world.route("amq.direct", "k"), [1]);
    assert_eq!(world.route_with("inside", &["k"], true).1, [1]);
}

#[test]
fn bindings_go_with_their_ends() {
    let mut world = World::new();
    world.queue(1);
    world.queue(2);
    world.exchange("x", ExchangeKind::Direct, &[]);
    world.exchange_with("auto", ExchangeKind::Direct, &[], |exchange| exchange.auto_delete = true);
    world.bind("amq.topic", "q1", "#");
    world.bind("amq.topic", ">x", "#");
    world.bind("x", "q2", "k");
    world.bind("auto", ">x", "k");
    assert_eq!(world.route("amq.topic", "k"), [1, 2]);
    assert_eq!(world.route("auto", "k"), [2]);
    let x = world.catalog.exchange(VHOST, "x").unwrap().id;
    world.commit(Change::ExchangeDelete { id: x });
    assert_eq!(world.route("amq.topic", "k"), [1]);
    assert!(!world.router.has_exchange(b"auto"), "its last binding went with the exchange");
    world.exchange("x", ExchangeKind::Direct, &[]);
    assert_eq!(world.route("amq.topic", "k"), [1], "the name alone does not bring bindings back");
    world.commit(Change::QueueDelete { id: QueueId(1) });
    assert_eq!(world.route_with("amq.topic", &["k"], false).0, Outcome::Unroutable);
}

#[test]
fn bindings_alike_but_for_their_arguments_count_apart() {
    let mut world = World::new();
    world.queue(1);
    let plain = World::binding("amq.direct", "q1", "k");
    let extra = Binding { args: Args::new(Table::from_iter([("n", 1i32)])), ..plain.clone() };
    world.commit(Change::BindingPut(plain.clone()));
    world.commit(Change::BindingPut(extra));
    world.commit(Change::BindingPut(plain.clone()));
    world.commit(Change::BindingDelete(plain));
    assert_eq!(world.route("amq.direct", "k"), [1]);
}

#[test]
fn cacheable_routes_are_told() {
    let mut world = World::new();
    world.queue(1);
    world.bind("amq.topic", "q1", "#");
    world.exchange("x", ExchangeKind::Direct, &[("alternate-exchange", "amq.topic")]);
    for (exchange, expected) in [
        ("", true),
        ("amq.topic", true),
        ("amq.direct", true),
        ("amq.headers", false),
        ("x", false),
        ("no", false),
    ] {
        assert_eq!(world.router.is_cacheable(exchange.as_bytes()), expected, "{exchange}");
    }
    world.bind("amq.direct", ">x", "k");
    assert!(!world.router.is_cacheable(b"amq.direct"));
    world.unbind("amq.direct", ">x", "k");
    assert!(world.router.is_cacheable(b"amq.direct"));
}

#[test]
fn a_delayed_exchange_routes_as_what_it_wraps() {
    let mut world = World::new();
    world.queue(1);
    world.exchange("later", ExchangeKind::Delayed, &[("x-delayed-type", "topic")]);
    world.bind("later", "q1", "a.#");
    assert_eq!(world.route("later", "a.b.c"), [1]);
}

#[test]
fn too_many_targets_are_refused_whole() {
    let mut world = World::new();
    for id in 0..=TARGETS_MAX as u64 {
        world.router.queue_put(&format!("q{id}").into(), QueueId(id));
        world.router.bind(&World::binding("amq.fanout", &format!("q{id}"), ""));
    }
    assert_eq!(world.route_with("amq.fanout", &[""], false), (Outcome::TooMany, vec![]));
    world.router.unbind(&World::binding("amq.fanout", "q0", ""));
    assert_eq!(world.route_with("amq.fanout", &[""], false).0, Outcome::Routed);
}

proptest! {
    /// Exchanges of one kind bound at random: what is reached is what a search of the graph reaches.
    #[test]
    fn any_graph_of_fanouts_reaches_what_it_connects(
        edges in proptest::collection::vec((0usize..8, 0usize..12), 0..40),
    ) {
        let mut world = World::new();
        (0..4).for_each(|id| world.queue(id + 1));
        (0..8).for_each(|n| world.exchange(&format!("x{n}"), ExchangeKind::Fanout, &[]));
        for (from, to) in &edges {
            let to = if *to < 8 { format!(">x{to}") } else { format!("q{}", to - 7) };
            world.bind(&format!("x{from}"), &to, "");
        }
        for start in 0..8 {
            let (mut seen, mut stack) = (BTreeSet::from([start]), vec![start]);
            while let Some(at) = stack.pop() {
                for (_, to) in edges.iter().filter(|(from, _)| *from == at) {
                    if seen.insert(*to) && *to < 8 {
                        stack.push(*to);
                    }
                }
            }
            let expected: Vec<u64> = seen.iter().filter(|n| **n >= 8).map(|n| (*n - 7) as u64).collect();
            prop_assert_eq!(world.route(&format!("x{start}"), ""), expected);
        }
    }
}
