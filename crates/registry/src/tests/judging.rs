//! Messages that must be of a schema, through the hall.

use std::collections::BTreeMap;

use anymq_batch::{BatchBuilder, BatchHeader, Compression, Head};
use anymq_broker::topics::{CreateTopic, Write, WriteFault};
use anymq_broker::{Connect, DeclareQueue, ErrorKind, PublishBatch, Published, Session, Transaction};
use anymq_types::props::Properties;
use anymq_types::record::RecordHead;
use anymq_types::value::{Table, Value as Arg};

use super::*;
use crate::registry::Which;

impl House {
    fn session(&self) -> Session {
        let connect = Connect {
            principal: self.registry.caller.clone(),
            vhost: "/".into(),
            protocol: "test",
            local: self.registry.caller.peer,
            client_name: String::new(),
            client_properties: Table::new(),
            tls: false,
        };
        self.broker.connect(connect).expect("the user may connect")
    }
}

fn declare(session: &Session, name: &str, args: &[(&str, &str)]) {
    let mut table = Table::new();
    args.iter().for_each(|&(key, value)| table.insert(key, Arg::from(value)));
    let declare = DeclareQueue {
        name,
        passive: false,
        durable: true,
        exclusive: false,
        auto_delete: false,
        args: &table,
    };
    session.declare_queue(declare).expect("declared");
}

/// Messages to the default exchange, by routing key.
fn batch(confirms: bool, messages: &[(&str, &[u8])]) -> PublishBatch {
    let mut batch = PublishBatch { confirms, ..PublishBatch::default() };
    let mut props = Vec::new();
    Properties::default().encode(&mut props).expect("empty");
    for (key, body) in messages {
        let start = batch.chunk.len();
        let head = RecordHead {
            persistent: true,
            timestamp: Millis(NOW),
            routing_key: key.as_bytes(),
            props: &props,
            ..RecordHead::default()
        };
        head.write(body.len(), &mut batch.chunk);
        batch.chunk.extend_from_slice(body);
        batch.push(start, None);
    }
    batch
}

fn framed(id: u32, payload: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), payload].concat()
}

fn ready(house: &House, queue: &str) -> u64 {
    house.broker.queues(|_, name| name == queue).first().map_or(0, |q| q.ready)
}

#[test]
fn a_queue_takes_only_what_is_of_its_schema() {
    let house = House::new();
    let session = house.session();
    let id = house.avro("q-value", &record(A)).expect("registered");
    let foreign = house.avro("other-value", "\"string\"").expect("registered");
    declare(&session, "q", &[("x-anymq-schema-validation", "value")]);
    declare(&session, "free", &[]);
    let good = framed(id, &[4]);
    let cases: [(&[u8], &str); 7] = [
        (b"", "it does not begin with a zero byte and the id of a schema"),
        (b"{}", "it does not begin with a zero byte and the id of a schema"),
        (&framed(9_999, &[4]), "there is no schema 9999"),
        (&framed(foreign, &[0]), "schema 2 is not registered under subject 'q-value'"),
        (&framed(id, &[]), "schema 1, at /a: it breaks off"),
        (&framed(id, &[4, 4]), "schema 1, at /: 1 bytes follow the value"),
        (&framed(id, &[0xff; 5]), "schema 1, at /a: it breaks off"),
    ];
    for (body, why) in cases {
        let Published { taken, error, .. } =
            session.publish(&mut batch(false, &[("q", &good), ("q", body), ("q", &good)]));
        let error = error.expect("the batch ends there");
        assert_eq!((taken, error.kind), (1, ErrorKind::Invalid));
        assert_eq!(error.text, format!("value of a message for 'q' refused: {why}"));
        let published =
            session.publish(&mut batch(true, &[("q", &good), ("q", body), ("free", body), ("q", &good)]));
        assert_eq!((published.taken, published.rejected, published.error), (4, vec![1], None));
    }
    assert_eq!(ready(&house, "q"), 7 * 3);
    assert_eq!(ready(&house, "free"), 7);
    assert_eq!(house.broker.schema_refusals(), 14);
}

#[test]
fn settings_come_and_go() {
    use anymq_catalog::{ApplyTo, Change, Policy};

    let house = House::new();
    let session = house.session();
    declare(&session, "q", &[]);
    let publish = || session.publish(&mut batch(true, &[("q", b"x")])).rejected.len();
    assert_eq!(publish(), 0);
    let vhost = house.registry.vhost().expect("a vhost");
    let policy = Policy {
        vhost,
        name: "p".into(),
        pattern: "^q$".into(),
        apply_to: ApplyTo::Queues,
        definition: [("anymq-schema-validation".to_owned(), json!("key,value"))].into_iter().collect(),
        priority: 0,
        operator: false,
    };
    house.broker.change(Change::PolicyPut(policy)).expect("made");
    assert_eq!(publish(), 1);
    house.broker.change(Change::PolicyDelete { vhost, name: "p".into(), operator: false }).expect("made");
    assert_eq!(publish(), 0);
    declare(&session, "r", &[("x-anymq-schema-validation", "value")]);
    assert_eq!(session.publish(&mut batch(true, &[("r", b"x")])).rejected.len(), 1);
    session.delete_queue("r", false, false).expect("deleted");
    assert_eq!(publish(), 0);
}

#[test]
fn subjects_are_named_as_the_queue_says() {
    let house = House::new();
    let session = house.session();
    let id = house.avro("n.R", &record(A)).expect("registered");
    assert_eq!(house.avro("qt-n.R", &record(A)), Ok(id));
    declare(&session, "qr", &[("x-anymq-schema-validation", "value"), ("x-anymq-schema-subject", "record")]);
    declare(
        &session,
        "qt",
        &[("x-anymq-schema-validation", "value"), ("x-anymq-schema-subject", "topic-record")],
    );
    let good = framed(id, &[4]);
    for queue in ["qr", "qt"] {
        assert_eq!(session.publish(&mut batch(true, &[(queue, &good)])).rejected, [0; 0], "{queue}");
    }
    // A version that is deleted is none, and one that comes back is.
    house.registry.delete_version("n.R", Which::Latest, false).expect("deleted");
    assert_eq!(session.publish(&mut batch(true, &[("qr", &good)])).rejected, [0]);
    house.avro("n.R", &record(A)).expect("registered");
    assert_eq!(session.publish(&mut batch(true, &[("qr", &good)])).rejected, [0; 0]);
}

#[test]
fn a_transaction_is_refused_as_a_whole() {
    let house = House::new();
    let session = house.session();
    let id = house.avro("q-value", &record(A)).expect("registered");
    declare(&session, "q", &[("x-anymq-schema-validation", "value")]);
    let holder = session.open_holder(0);
    let transact = |messages: &[(&str, &[u8])]| {
        let mut transaction = Transaction { publish: batch(false, messages), ..Transaction::default() };
        session.transact(holder, &mut transaction).map(|done| done.value.taken)
    };
    let good = framed(id, &[4]);
    assert_eq!(transact(&[("q", &good), ("q", b"x")]).map_err(|e| e.kind), Err(ErrorKind::Invalid));
    assert_eq!(ready(&house, "q"), 0);
    assert_eq!(transact(&[("q", &good), ("q", &good)]), Ok(2));
}

#[test]
fn a_topic_refuses_batches_and_says_which_records() {
    let house = House::new();
    let session = house.session();
    let id = house.avro("t-value", &record(A)).expect("registered");
    let config: BTreeMap<_, _> =
        [("confluent.value.schema.validation".into(), "true".into())].into_iter().collect();
    let create = CreateTopic { name: "t", partitions: 2, config, validate_only: false };
    let partitions = session.create_topic(&create).expect("made").value.partitions;
    let write = |values: &[Option<&[u8]>], compression| {
        let mut batch = BatchBuilder::new(Head::default(), compression);
        for value in values {
            batch.push(NOW.cast_signed(), Some(b"any key"), *value, &[]).expect("short");
        }
        let batch = batch.finish().expect("short");
        let header = BatchHeader::parse(&batch).expect("a batch");
        let write = Write { partition: partitions[1], header, batch: batch[..].into() };
        session.write(vec![write]).results.remove(0)
    };
    let good = framed(id, &[4]);
    for compression in [Compression::None, Compression::Zstd(1)] {
        assert!(write(&[Some(&good), None, Some(&good)], compression).is_ok(), "what has no value is taken");
        let refused = write(&[Some(&good), Some(b"x"), Some(&good), Some(&framed(id, &[]))], compression);
        let why = |what: &str| format!("value of a message for 't' refused: {what}");
        assert_eq!(
            refused,
            Err(WriteFault::Schema(vec![
                (1, why("it does not begin with a zero byte and the id of a schema")),
                (3, why("schema 1, at /a: it breaks off")),
            ]))
        );
        let many = vec![Some(&b"x"[..]); 100];
        let Err(WriteFault::Schema(listed)) = write(&many, compression) else { panic!("refused") };
        assert_eq!(listed.len(), 16);
    }
    // The same stream through the other protocol.
    let published = session.publish(&mut batch(true, &[("t/1", b"x"), ("t/1", &good)]));
    assert_eq!(published.rejected, [0]);
}

#[test]
fn keys_are_judged_where_there_are_any() {
    let house = House::new();
    let session = house.session();
    let id = house.avro("q-key", "\"long\"").expect("registered");
    declare(&session, "q", &[("x-anymq-schema-validation", "key")]);
    assert_eq!(session.publish(&mut batch(true, &[("q", b"anything")])).rejected, [0; 0], "its key is none");
    let topic = session.topic("q").expect("a queue is a topic");
    let write = |key: Option<&[u8]>| {
        let mut batch = BatchBuilder::new(Head::default(), Compression::None);
        batch.push(NOW.cast_signed(), key, Some(b"v"), &[]).expect("short");
        let batch = batch.finish().expect("short");
        let header = BatchHeader::parse(&batch).expect("a batch");
        let write = Write { partition: topic.partitions[0], header, batch: batch[..].into() };
        session.write(vec![write]).results.remove(0).is_ok()
    };
    assert!(write(None));
    assert!(write(Some(&framed(id, &[2]))));
    assert!(!write(Some(b"key")));
}
