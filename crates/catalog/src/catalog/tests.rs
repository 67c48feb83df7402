use anymq_auth::{Action, PasswordHash, Permissions, Tags, TopicPermissions};
use anymq_types::ConnectionId;
use anymq_types::value::Value;
use proptest::prelude::*;

use super::*;
use crate::args::Args;
use crate::change::{Change, ChangeError, Step};
use crate::model::{ApplyTo, QuotaEntity, QuotaKind, QuotaLimits, QuotaPart, RoutingKey, UserLimits};

mod acls;
mod logins;
mod topics;

const VHOST: VhostId = VhostId(1);

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    for change in Catalog::initial_changes() {
        catalog.apply(change).unwrap();
    }
    catalog
}

fn queue(id: u64, name: &str) -> Queue {
    Queue {
        id: QueueId(id),
        vhost: VHOST,
        name: name.into(),
        kind: QueueKind::Classic,
        durable: true,
        auto_delete: false,
        exclusive_owner: None,
        args: Args::EMPTY,
    }
}

fn exchange(id: u64, name: &str) -> Exchange {
    Exchange {
        id: ExchangeId(id),
        vhost: VHOST,
        name: name.into(),
        kind: ExchangeKind::Direct,
        durable: true,
        auto_delete: false,
        internal: false,
        args: Args::EMPTY,
    }
}

fn binding(source: &str, destination: Destination, key: &str) -> Binding {
    let routing_key = RoutingKey::from(key);
    Binding { vhost: VHOST, source: source.into(), destination, routing_key, args: Args::EMPTY }
}

fn to_queue(source: &str, queue: &str, key: &str) -> Binding {
    binding(source, Destination::Queue(queue.into()), key)
}

fn to_exchange(source: &str, exchange: &str, key: &str) -> Binding {
    binding(source, Destination::Exchange(exchange.into()), key)
}

fn user(name: &str) -> User {
    let password = PasswordHash::none();
    User {
        name: name.into(),
        password,
        scram: Default::default(),
        tags: Tags::parse("management"),
        limits: UserLimits::default(),
    }
}

fn commit(catalog: &mut Catalog, change: Change) -> Vec<Step> {
    catalog.commit(change).unwrap()
}

fn keys<'a>(bindings: impl Iterator<Item = &'a Arc<Binding>>) -> Vec<String> {
    let show =
        |b: &Arc<Binding>| format!("{}>{}:{}", b.source, b.destination.name(), b.routing_key.to_text());
    bindings.map(show).collect()
}

/// What recovery sees: the durable steps, as the journal keeps them.
fn recovered(journal: &[Change]) -> Catalog {
    let mut catalog = Catalog::new();
    for change in journal {
        let json = serde_json::to_vec(change).unwrap();
        catalog.apply(serde_json::from_slice(&json).unwrap()).unwrap();
    }
    catalog
}

fn durable_state(catalog: &Catalog) -> Vec<Change> {
    // Ids of transient things were given, and are not journaled.
    catalog.snapshot().filter(|change| !matches!(change, Change::Ids(_))).collect()
}

#[test]
fn a_vhost_is_born_with_its_exchanges() {
    let catalog = catalog();
    let names: Vec<_> = catalog.exchanges(VHOST).map(|x| (&*x.name, x.kind, x.internal)).collect();
    use ExchangeKind::{Direct, Fanout, Headers, Topic};
    let expected = [
        ("", Direct, false),
        ("amq.direct", Direct, false),
        ("amq.fanout", Fanout, false),
        ("amq.headers", Headers, false),
        ("amq.match", Headers, false),
        ("amq.rabbitmq.trace", Topic, true),
        ("amq.topic", Topic, false),
    ];
    assert_eq!(names, expected);
    assert!(catalog.exchanges(VHOST).all(|x| x.durable && x.is_predeclared()));
    assert_eq!(catalog.vhost("/").unwrap().id, VHOST);
}

#[test]
fn predeclared_exchanges_stay() {
    let mut catalog = catalog();
    let id = catalog.exchange(VHOST, "amq.topic").unwrap().id;
    assert_eq!(commit(&mut catalog, Change::ExchangeDelete { id }), []);
    assert!(catalog.exchange_by_id(id).is_some());
}

#[test]
fn puts_are_found_by_name_and_id_and_repeat_harmlessly() {
    let mut catalog = catalog();
    let put = Change::QueuePut(queue(7, "q"));
    assert_eq!(commit(&mut catalog, put.clone()), [Step { change: put.clone(), durable: true }]);
    assert_eq!(commit(&mut catalog, put), []);
    assert_eq!(catalog.queue(VHOST, "q").unwrap().id, QueueId(7));
    assert_eq!(&*catalog.queue_by_id(QueueId(7)).unwrap().name, "q");
    assert_eq!(catalog.next_ids().queue, QueueId(8));
    assert_eq!((catalog.queue_count(VHOST), catalog.queue_count_total()), (1, 1));
    commit(&mut catalog, Change::QueueDelete { id: QueueId(7) });
    assert!(catalog.queue(VHOST, "q").is_none() && catalog.queue_by_id(QueueId(7)).is_none());
    assert_eq!(commit(&mut catalog, Change::QueueDelete { id: QueueId(7) }), []);
    assert_eq!(catalog.next_ids().queue, QueueId(8), "ids are not given again");
}

#[test]
fn conflicts_and_missing_ends_are_errors_and_change_nothing() {
    let mut catalog = catalog();
    commit(&mut catalog, Change::QueuePut(queue(1, "q")));
    let before: Vec<Change> = catalog.snapshot().collect();
    let no_exchange = |name: &str| ChangeError::NoExchange { name: name.into(), vhost: "/".into() };
    let lost = VhostId(9);
    for (change, error) in [
        (Change::QueuePut(queue(2, "q")), ChangeError::Conflict { kind: "queue", name: "q".into() }),
        (Change::QueuePut(queue(1, "r")), ChangeError::Conflict { kind: "queue", name: "r".into() }),
        (
            Change::ExchangePut(exchange(1, "amq.topic")),
            ChangeError::Conflict { kind: "exchange", name: "amq.topic".into() },
        ),
        (
            Change::VhostPut(Vhost::new(VhostId(2), "/")),
            ChangeError::Conflict { kind: "vhost", name: "/".into() },
        ),
        (Change::QueuePut(Queue { vhost: lost, ..queue(3, "x") }), ChangeError::NoVhost(lost)),
        (Change::BindingPut(to_queue("nope", "q", "")), no_exchange("nope")),
        (Change::BindingPut(to_exchange("amq.topic", "nope", "")), no_exchange("nope")),
        (
            Change::BindingPut(to_queue("amq.topic", "nope", "")),
            ChangeError::NoQueue { name: "nope".into(), vhost: "/".into() },
        ),
        (
            Change::PermissionPut(Permission {
                user: "bob".into(),
                vhost: VHOST,
                grant: Permissions::full(),
            }),
            ChangeError::NoUser("bob".into()),
        ),
    ] {
        assert_eq!(catalog.commit(change), Err(error));
    }
    assert_eq!(catalog.snapshot().collect::<Vec<_>>(), before);
    let error = ChangeError::NoQueue { name: "nope".into(), vhost: "/".into() };
    assert_eq!(error.to_string(), "no queue 'nope' in vhost '/'");
}

#[test]
fn bindings_are_found_from_both_ends_and_are_sets() {
    let mut catalog = catalog();
    commit(&mut catalog, Change::QueuePut(queue(1, "q")));
    commit(&mut catalog, Change::QueuePut(queue(2, "r")));
    commit(&mut catalog, Change::ExchangePut(exchange(1, "x")));
    let with_args = Binding {
        args: Args::sorted(Table::from_iter([("b", Value::I32(1)), ("a", Value::I32(2))])),
        ..to_queue("amq.topic", "q", "k")
    };
    let reordered = Binding {
        args: Args::sorted(Table::from_iter([("a", Value::I32(2)), ("b", Value::I32(1))])),
        ..with_args.clone()
    };
    for binding in [
        to_queue("amq.topic", "q", "k"),
        to_queue("amq.topic", "q", "k"),
        with_args.clone(),
        reordered,
        to_queue("amq.topic", "r", "k"),
        to_exchange("amq.topic", "x", "k"),
        to_queue("x", "q", "j"),
    ] {
        commit(&mut catalog, Change::BindingPut(binding));
    }
    assert_eq!(
        keys(catalog.bindings_from(VHOST, "amq.topic")),
        ["amq.topic>q:k", "amq.topic>q:k", "amq.topic>r:k", "amq.topic>x:k"]
    );
    let to = |catalog: &Catalog, destination| keys(catalog.bindings_to(VHOST, &destination));
    assert_eq!(to(&catalog, Destination::Queue("q".into())), ["amq.topic>q:k", "amq.topic>q:k", "x>q:j"]);
    assert_eq!(to(&catalog, Destination::Exchange("x".into())), ["amq.topic>x:k"]);
    assert_eq!(to(&catalog, Destination::Exchange("q".into())), [""; 0]);
    assert!(catalog.has_binding(&with_args));
    commit(&mut catalog, Change::BindingDelete(with_args.clone()));
    assert!(!catalog.has_binding(&with_args) && catalog.has_binding(&to_queue("amq.topic", "q", "k")));
    assert_eq!(commit(&mut catalog, Change::BindingDelete(with_args)), []);
}

#[test]
fn deleting_takes_bindings_along_and_auto_delete_exchanges_follow() {
    let mut catalog = catalog();
    commit(&mut catalog, Change::QueuePut(queue(1, "q")));
    for (id, name) in [(1, "auto1"), (2, "auto2")] {
        commit(&mut catalog, Change::ExchangePut(Exchange { auto_delete: true, ..exchange(id, name) }));
    }
    commit(&mut catalog, Change::BindingPut(to_exchange("auto1", "auto2", "")));
    commit(&mut catalog, Change::BindingPut(to_queue("auto2", "q", "")));
    commit(&mut catalog, Change::BindingPut(to_queue("amq.topic", "q", "#")));
    let steps = commit(&mut catalog, Change::QueueDelete { id: QueueId(1) });
    let step = |change, durable| Step { change, durable };
    let expected = [
        step(Change::BindingDelete(to_queue("amq.topic", "q", "#")), false),
        step(Change::BindingDelete(to_queue("auto2", "q", "")), false),
        step(Change::QueueDelete { id: QueueId(1) }, true),
        step(Change::BindingDelete(to_exchange("auto1", "auto2", "")), false),
        step(Change::ExchangeDelete { id: ExchangeId(2) }, true),
        step(Change::ExchangeDelete { id: ExchangeId(1) }, true),
    ];
    assert_eq!(steps, expected);
    assert_eq!(catalog.bindings(VHOST).count(), 0);
    assert_eq!(catalog.exchanges(VHOST).count(), PREDECLARED.len());
}

#[test]
fn an_auto_delete_exchange_waits_for_its_first_binding_and_a_loop_to_itself_counts() {
    let mut catalog = catalog();
    commit(&mut catalog, Change::ExchangePut(Exchange { auto_delete: true, ..exchange(1, "auto") }));
    commit(&mut catalog, Change::BindingPut(to_exchange("auto", "auto", "")));
    let steps = commit(&mut catalog, Change::BindingDelete(to_exchange("auto", "auto", "")));
    assert_eq!(steps.len(), 2);
    assert!(catalog.exchange(VHOST, "auto").is_none());
    commit(&mut catalog, Change::ExchangePut(exchange(2, "loop")));
    commit(&mut catalog, Change::BindingPut(to_exchange("loop", "loop", "")));
    let steps = commit(&mut catalog, Change::ExchangeDelete { id: ExchangeId(2) });
    assert_eq!(steps.len(), 2, "its binding is deleted once: {steps:?}");
}

/// A transient binding kept a durable auto-delete exchange alive; recovery does not see that binding and must not
/// delete the exchange by itself, because later records refer to it.
#[test]
fn recovery_does_not_draw_conclusions() {
    let mut catalog = Catalog::new();
    let transient = Queue { durable: false, ..queue(2, "t") };
    let changes = [
        Change::VhostPut(Vhost::new(VHOST, "/")),
        Change::ExchangePut(Exchange { auto_delete: true, ..exchange(1, "auto") }),
        Change::QueuePut(queue(1, "q")),
        Change::QueuePut(transient),
        Change::BindingPut(to_queue("auto", "q", "a")),
        Change::BindingPut(to_queue("auto", "t", "t")),
        Change::BindingDelete(to_queue("auto", "q", "a")),
        Change::BindingPut(to_queue("auto", "q", "b")),
    ];
    let mut journal = Vec::new();
    for change in changes {
        let steps = commit(&mut catalog, change);
        journal.extend(steps.into_iter().filter(|step| step.durable).map(|step| step.change));
    }
    assert_eq!(journal.len(), 6, "nothing about the transient queue: {journal:?}");
    let recovered = recovered(&journal);
    assert_eq!(keys(recovered.bindings(VHOST)), ["auto>q:b"]);
    assert_eq!(durable_state(&recovered), durable_state(&catalog));
}

#[test]
fn exclusive_and_transient_things_are_not_durable() {
    let mut catalog = catalog();
    let exclusive = Queue { exclusive_owner: Some(ConnectionId(1)), ..queue(1, "e") };
    let transient = Exchange { durable: false, ..exchange(1, "t") };
    for change in [
        Change::QueuePut(exclusive),
        Change::ExchangePut(transient),
        Change::BindingPut(to_queue("amq.topic", "e", "")),
        Change::QueuePut(queue(2, "d")),
        Change::BindingPut(to_queue("t", "d", "")),
        Change::BindingPut(to_queue("amq.topic", "d", "")),
    ] {
        let expected = match &change {
            Change::QueuePut(queue) => &*queue.name == "d",
            Change::BindingPut(binding) => *binding == to_queue("amq.topic", "d", ""),
            _ => false,
        };
        assert_eq!(commit(&mut catalog, change.clone()), [Step { change, durable: expected }]);
    }
    let in_snapshot: Vec<Change> = durable_state(&catalog);
    assert_eq!(
        in_snapshot[1..],
        [Change::QueuePut(queue(2, "d")), Change::BindingPut(to_queue("amq.topic", "d", ""))]
    );
}

#[test]
fn deleting_a_vhost_or_a_user_takes_all_of_it() {
    let mut catalog = catalog();
    commit(&mut catalog, Change::VhostPut(Vhost::new(VhostId(2), "two")));
    commit(&mut catalog, Change::UserPut(user("bob")));
    for vhost in [VHOST, VhostId(2)] {
        let grant = Permissions::full();
        commit(&mut catalog, Change::PermissionPut(Permission { user: "bob".into(), vhost, grant }));
        let grant = TopicPermissions::default();
        let exchange = "amq.topic".into();
        commit(
            &mut catalog,
            Change::TopicPermissionPut(TopicPermission { user: "bob".into(), vhost, exchange, grant }),
        );
    }
    commit(&mut catalog, Change::QueuePut(Queue { vhost: VhostId(2), ..queue(1, "q") }));
    commit(
        &mut catalog,
        Change::BindingPut(Binding { vhost: VhostId(2), ..to_queue("amq.topic", "q", "#") }),
    );
    let steps = commit(&mut catalog, Change::VhostDelete { id: VhostId(2) });
    assert_eq!(steps.len(), 1 + 1 + PREDECLARED.len() + 2 + 1, "{steps:?}");
    assert_eq!(steps.iter().filter(|step| step.durable).count(), 1, "one record brings it all back");
    assert!(catalog.vhost("two").is_none() && catalog.queue_by_id(QueueId(1)).is_none());
    assert_eq!(catalog.exchanges.len(), PREDECLARED.len());
    assert!(catalog.permission("bob", VhostId(2)).is_none() && catalog.permission("bob", VHOST).is_some());
    let steps = commit(&mut catalog, Change::UserDelete { name: "bob".into() });
    assert_eq!(steps.len(), 3);
    assert_eq!((catalog.permissions().count(), catalog.topic_permissions().count()), (0, 0));
    assert_eq!(catalog.next_ids().vhost, VhostId(3));
}

#[test]
fn access_is_compiled_from_permissions() {
    let mut catalog = catalog();
    commit(&mut catalog, Change::UserPut(user("bob")));
    assert!(catalog.access("bob", VHOST, None).unwrap().is_none());
    let grant = Permissions { configure: "^bob-".into(), write: ".*".into(), read: String::new() };
    commit(&mut catalog, Change::PermissionPut(Permission { user: "bob".into(), vhost: VHOST, grant }));
    let grant = TopicPermissions { write: "^{username}\\.".into(), read: String::new() };
    let exchange = "amq.topic".into();
    commit(
        &mut catalog,
        Change::TopicPermissionPut(TopicPermission { user: "bob".into(), vhost: VHOST, exchange, grant }),
    );
    let access = catalog.access("bob", VHOST, None).unwrap().unwrap();
    assert!(access.check(Action::Configure, "bob-1") && !access.check(Action::Configure, "eve-1"));
    assert!(!access.check(Action::Read, "bob-1"));
    assert!(access.check_topic(Action::Write, "amq.topic", "bob.x"));
    assert!(!access.check_topic(Action::Write, "amq.topic", "eve.x"));
    let bad = Permissions { read: "(".into(), ..Permissions::full() };
    let refused =
        catalog.commit(Change::PermissionPut(Permission { user: "bob".into(), vhost: VHOST, grant: bad }));
    assert!(matches!(refused, Err(ChangeError::Pattern(_))));
}

#[test]
fn settings_follow_policies_and_plain_queues_share_theirs() {
    let mut catalog = catalog();
    commit(&mut catalog, Change::QueuePut(queue(1, "a")));
    commit(&mut catalog, Change::QueuePut(queue(2, "b")));
    let settings = |catalog: &Catalog, name| catalog.settings(catalog.queue(VHOST, name).unwrap());
    assert!(Arc::ptr_eq(&settings(&catalog, "a"), &settings(&catalog, "b")));
    let policy = |name: &str, pattern: &str, definition: serde_json::Value, operator| Policy {
        vhost: VHOST,
        name: name.into(),
        pattern: pattern.into(),
        apply_to: ApplyTo::All,
        priority: 0,
        definition: serde_json::from_value(definition).unwrap(),
        operator,
    };
    let limit = policy(
        "limit",
        "^a$",
        serde_json::json!({"max-length": 10, "alternate-exchange": "amq.fanout"}),
        false,
    );
    commit(&mut catalog, Change::PolicyPut(limit.clone()));
    commit(&mut catalog, Change::PolicyPut(policy("op", "", serde_json::json!({"max-length": 5}), true)));
    assert_eq!(settings(&catalog, "a").max_length, Some(5));
    let (of_a, operator) = catalog.policies_of_queue(catalog.queue(VHOST, "a").unwrap());
    assert_eq!((of_a.map(|p| &*p.name), operator.map(|p| &*p.name)), (Some("limit"), Some("op")));
    commit(&mut catalog, Change::ExchangePut(exchange(1, "a")));
    assert_eq!(
        catalog.alternate_exchange(catalog.exchange(VHOST, "a").unwrap()).as_deref(),
        Some("amq.fanout")
    );
    let delete = Change::PolicyDelete { vhost: VHOST, name: "op".into(), operator: true };
    commit(&mut catalog, delete);
    assert_eq!(settings(&catalog, "a").max_length, Some(10));
    assert_eq!(settings(&catalog, "b").max_length, None);
    assert!(catalog.commit(Change::PolicyPut(Policy { pattern: "(".into(), ..limit })).is_err());
}

#[test]
fn lists_can_be_paged() {
    let mut catalog = catalog();
    for (id, name) in ["c", "a", "b", "d"].into_iter().enumerate() {
        commit(&mut catalog, Change::QueuePut(queue(id as u64 + 1, name)));
    }
    let after = |name| catalog.queues_after(VHOST, name).map(|q| q.name.to_string()).collect::<Vec<_>>();
    assert_eq!(after(""), ["a", "b", "c", "d"]);
    assert_eq!(after("b"), ["c", "d"]);
    assert_eq!(after("bb"), ["c", "d"]);
    assert_eq!(after("d"), [""; 0]);
}

#[test]
fn newer_records_are_read_and_equal_arguments_are_kept_once() {
    let json = r#"{"queue_put":{"id":3,"vhost":1,"name":"q","durable":true,"since":"5.0","kind":"quorum"}}"#;
    let Change::QueuePut(read) = serde_json::from_str(json).unwrap() else { panic!("another change") };
    assert_eq!(read, Queue { kind: QueueKind::Quorum, ..queue(3, "q") });
    let mut catalog = catalog();
    let args = || Args::new(Table::from_iter([("x-max-length", Value::I32(5))]));
    for id in 1..=3 {
        commit(&mut catalog, Change::QueuePut(Queue { args: args(), ..queue(id, &format!("q{id}")) }));
    }
    let tables: Vec<_> = catalog.queues(VHOST).map(|q| Arc::as_ptr(q.args.shared().unwrap())).collect();
    assert!(tables.iter().all(|table| *table == tables[0]));
}

/// 100 000 queues must fit into 64 MiB together with their engine state: the catalogue's share is a record (its
/// strong and weak counts included), a name, and a place in two indexes.
#[test]
fn a_plain_queue_is_small() {
    let record = size_of::<Queue>() + 16;
    let name = 16 + "orders.tenant-00042.created".len();
    let by_name = (size_of::<Arc<str>>() + size_of::<Arc<Queue>>()) * 3 / 2;
    let by_id = (size_of::<QueueId>() + size_of::<Arc<Queue>>() + 1) * 2;
    assert!(record + name + by_name + by_id <= 250, "{record} + {name} + {by_name} + {by_id}");
}

/// Small numbers, so that things meet.
fn any_change() -> impl Strategy<Value = Change> {
    let id = 1u64..5;
    let key = prop::sample::select(vec!["", "a", "b"]);
    prop_oneof![
        3 => (id.clone(), any::<bool>(), any::<bool>()).prop_map(|(id, durable, exclusive)| {
            let exclusive_owner = exclusive.then_some(ConnectionId(1));
            Change::QueuePut(Queue { durable, exclusive_owner, ..queue(id, &format!("q{id}")) })
        }),
        3 => (id.clone(), any::<bool>(), any::<bool>()).prop_map(|(id, durable, auto_delete)| {
            Change::ExchangePut(Exchange { durable, auto_delete, ..exchange(id, &format!("x{id}")) })
        }),
        1 => id.clone().prop_map(|id| Change::QueueDelete { id: QueueId(id) }),
        1 => id.clone().prop_map(|id| Change::ExchangeDelete { id: ExchangeId(id) }),
        6 => (id.clone(), id.clone(), key.clone()).prop_map(|(x, q, key)| {
            Change::BindingPut(to_queue(&format!("x{x}"), &format!("q{q}"), key))
        }),
        4 => (id.clone(), id.clone(), key.clone()).prop_map(|(x, y, key)| {
            Change::BindingPut(to_exchange(&format!("x{x}"), &format!("x{y}"), key))
        }),
        2 => (id.clone(), id, key).prop_map(|(x, q, key)| {
            Change::BindingDelete(to_queue(&format!("x{x}"), &format!("q{q}"), key))
        }),
    ]
}

proptest! {
    /// A rehearsal on part of the catalogue says what the changes themselves say on all of it.
    #[test]
    fn a_rehearsal_tells_what_would_happen(
        before in prop::collection::vec(any_change(), 0..40),
        changes in prop::collection::vec(any_change(), 0..6),
        renamed in any::<bool>(),
    ) {
        let mut live = catalog();
        before.into_iter().for_each(|change| drop(live.apply(change)));
        let mut changes = changes;
        if renamed {
            changes.push(Change::QueuePut(queue(1, "q2")));
        }
        let was: Vec<Change> = live.snapshot().collect();
        let told = live.rehearse(&changes);
        prop_assert_eq!(live.snapshot().collect::<Vec<_>>(), was);
        let happened = changes.into_iter().try_for_each(|change| live.apply(change).map(drop));
        prop_assert_eq!(told, happened);
    }

    /// Recovery from the journal, from the journal read twice, and from a snapshot: the same durable state.
    #[test]
    fn the_durable_state_survives(changes in prop::collection::vec(any_change(), 0..80)) {
        let mut live = catalog();
        let mut journal = Catalog::initial_changes();
        for change in changes {
            if let Ok(steps) = live.commit(change) {
                journal.extend(steps.into_iter().filter(|step| step.durable).map(|step| step.change));
            }
            let (by_source, by_name) = (live.bindings(VHOST).count(), live.exchanges(VHOST).map(|x| {
                live.bindings_from(VHOST, &x.name).count()
            }).sum::<usize>());
            prop_assert_eq!(by_source, by_name, "every binding has its source");
        }
        let replayed = recovered(&journal);
        prop_assert_eq!(durable_state(&replayed), durable_state(&live));
        let snapshot: Vec<Change> = live.snapshot().collect();
        let restored = recovered(&snapshot);
        prop_assert_eq!(restored.snapshot().collect::<Vec<_>>(), snapshot.clone());
        let twice = recovered(&[snapshot.as_slice(), &snapshot].concat());
        prop_assert_eq!(twice.snapshot().collect::<Vec<_>>(), snapshot);
    }
}

#[test]
fn quotas_are_bounded() {
    let mut catalog = Catalog::new();
    let put = |name: String, rate| {
        let entity = QuotaEntity { user: Some(QuotaPart::Name(name.into())), client_id: None };
        Change::QuotaPut { entity, limits: [(QuotaKind::ProducerByteRate, rate)].into() }
    };
    for n in 0..QUOTAS_MAX {
        catalog.apply(put(n.to_string(), 1)).unwrap();
    }
    assert_eq!(catalog.apply(put("more".into(), 1)), Err(ChangeError::TooManyQuotas));
    assert_eq!(catalog.rehearse(&[put("more".into(), 1)]), Err(ChangeError::TooManyQuotas));
    assert!(catalog.apply(put("5".into(), 2)).unwrap().changed, "what is there may change");
    let Change::QuotaPut { entity, .. } = put("5".into(), 2) else { unreachable!() };
    catalog.apply(Change::QuotaPut { entity, limits: QuotaLimits::new() }).unwrap();
    assert!(catalog.apply(put("more".into(), 1)).is_ok());
}
