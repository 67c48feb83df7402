use anymq_types::{ExchangeId, QueueId, VhostId};

use super::*;
use crate::model::QueueKind;

const ME: ConnectionId = ConnectionId(1);

fn table(entries: &[(&str, Value)]) -> Table {
    entries.iter().cloned().collect()
}

fn queue(args: &[(&str, Value)]) -> Queue {
    Queue {
        id: QueueId(1),
        vhost: VhostId(1),
        name: "pq".into(),
        kind: QueueKind::Classic,
        durable: true,
        auto_delete: false,
        exclusive_owner: None,
        args: kept_args(&table(args)),
    }
}

fn check(queue: &Queue, args: &[(&str, Value)], edit: impl Fn(&mut QueueRequest<'_>)) -> Option<String> {
    let args = table(args);
    let mut request = QueueRequest {
        vhost: "/",
        name: "pq",
        durable: true,
        exclusive: false,
        auto_delete: false,
        args: &args,
        default_kind: QueueKind::Classic,
    };
    edit(&mut request);
    check_queue(queue, &request, ME).err().map(|error| error.to_string())
}

#[test]
fn properties_are_compared() {
    let same = |_: &mut QueueRequest<'_>| {};
    let inequivalent = |rest: &str| Some(format!("inequivalent arg {rest}"));
    assert_eq!(check(&queue(&[]), &[], same), None);
    assert_eq!(
        check(&queue(&[]), &[], |r| r.durable = false),
        inequivalent("'durable' for queue 'pq' in vhost '/': received 'false' but current is 'true'")
    );
    assert_eq!(
        check(&queue(&[]), &[], |r| r.auto_delete = true),
        inequivalent("'auto_delete' for queue 'pq' in vhost '/': received 'true' but current is 'false'")
    );
    assert_eq!(
        check(&queue(&[]), &[("x-queue-type", "quorum".into())], same),
        inequivalent(
            "'x-queue-type' for queue 'pq' in vhost '/': received 'quorum' but current is 'classic'"
        )
    );
    assert_eq!(check(&queue(&[]), &[("x-queue-type", "classic".into())], same), None);
}

#[test]
fn exclusive_queues_are_their_owners() {
    let locked = "cannot obtain exclusive access to locked queue 'pq' in vhost '/'. It could be originally declared on \
                  another connection or the exclusive property value does not match that of the original declaration.";
    let mine = Queue { exclusive_owner: Some(ME), ..queue(&[]) };
    let theirs = Queue { exclusive_owner: Some(ConnectionId(2)), ..queue(&[]) };
    assert_eq!(check(&mine, &[], |r| r.exclusive = true), None);
    assert_eq!(
        check(&mine, &[], |r| (r.exclusive, r.durable) = (true, false)),
        None,
        "exclusive is never durable"
    );
    for (queue, exclusive) in [(&mine, false), (&theirs, true), (&theirs, false), (&queue(&[]), true)] {
        assert_eq!(check(queue, &[], |r| r.exclusive = exclusive).as_deref(), Some(locked));
    }
}

#[test]
fn arguments_are_compared_by_class_and_value() {
    let ttl = |value: Value| [("x-message-ttl", value)];
    let at = "inequivalent arg 'x-message-ttl' for queue 'pq' in vhost '/': received";
    let none: [(&str, Value); 0] = [];
    for (old, new, expected) in [
        (ttl(Value::I32(1)).to_vec(), ttl(Value::I64(1)).to_vec(), None),
        (ttl(Value::I32(1)).to_vec(), ttl(Value::U8(1)).to_vec(), None),
        (ttl(Value::I32(1)).to_vec(), ttl(Value::I32(2)).to_vec(), Some(format!("{at} '2' but current is '1'"))),
        (
            none.to_vec(),
            ttl(Value::I32(1000)).to_vec(),
            Some(format!("{at} the value '1000' of type 'signedint' but current is none")),
        ),
        (
            ttl(Value::I64(1000)).to_vec(),
            none.to_vec(),
            Some(format!("{at} none but current is the value '1000' of type 'long'")),
        ),
        // Only known arguments of this type count.
        (none.to_vec(), vec![("x-unknown", Value::I32(1))], None),
        (none.to_vec(), vec![("x-delivery-limit", Value::I32(1))], None),
        (vec![("x-overflow", "drop-head".into())], vec![("x-overflow", "drop-head".into())], None),
        (
            vec![("x-overflow", "drop-head".into())],
            vec![("x-overflow", "reject-publish".into())],
            Some(
                "inequivalent arg 'x-overflow' for queue 'pq' in vhost '/': received 'reject-publish' but current is \
                 'drop-head'"
                    .to_owned(),
            ),
        ),
    ] {
        assert_eq!(check(&queue(&old), &new, |_| {}), expected, "{old:?} {new:?}");
    }
}

#[test]
fn exchanges_are_compared() {
    let exchange = |args: &[(&str, Value)]| Exchange {
        id: ExchangeId(1),
        vhost: VhostId(1),
        name: "px".into(),
        kind: ExchangeKind::Direct,
        durable: true,
        auto_delete: false,
        internal: false,
        args: Args::new(table(args)),
    };
    let empty = Table::new();
    let alternate = table(&[("alternate-exchange", "other".into())]);
    let base = ExchangeRequest {
        kind: ExchangeKind::Direct,
        durable: true,
        auto_delete: false,
        internal: false,
        args: &empty,
    };
    for (request, expected) in [
        (base, None),
        (
            ExchangeRequest { kind: ExchangeKind::Fanout, ..base },
            Some("'type'…received 'fanout' but current is 'direct'"),
        ),
        (
            ExchangeRequest { durable: false, ..base },
            Some("'durable'…received 'false' but current is 'true'"),
        ),
        (
            ExchangeRequest { auto_delete: true, ..base },
            Some("'auto_delete'…received 'true' but current is 'false'"),
        ),
        (
            ExchangeRequest { internal: true, ..base },
            Some("'internal'…received 'true' but current is 'false'"),
        ),
        (
            ExchangeRequest { args: &alternate, ..base },
            Some("'alternate-exchange'…received the value 'other' of type 'longstr' but current is none"),
        ),
    ] {
        let expected = expected.map(|text| text.replace('…', " for exchange 'px' in vhost '/': "));
        let got = check_exchange(&exchange(&[]), &request, "/").err().map(|error| error.to_string());
        assert_eq!(got, expected.map(|text| format!("inequivalent arg {text}")));
    }
    assert_eq!(
        check_exchange(
            &exchange(&[("alternate-exchange", "other".into())]),
            &ExchangeRequest { args: &alternate, ..base },
            "/"
        ),
        Ok(())
    );
}

#[test]
fn a_type_that_is_not_classic_is_listed_as_an_argument_and_kept_apart() {
    let declared = table(&[("x-queue-type", "classic".into()), ("x-expires", Value::I32(5))]);
    let kept = kept_args(&declared);
    assert_eq!(kept.table(), &table(&[("x-expires", Value::I32(5))]));
    for (kind, expected) in
        [(QueueKind::Classic, None), (QueueKind::Quorum, Some("quorum")), (QueueKind::Stream, Some("stream"))]
    {
        let listed = listed_args(&Queue { args: kept.clone(), kind, ..queue(&[]) });
        assert_eq!(listed.get("x-queue-type").and_then(Value::as_str), expected);
    }
    assert!(kept_args(&table(&[("x-queue-type", "classic".into())])).is_empty());
}
