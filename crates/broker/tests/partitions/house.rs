//! A broker without threads on a disk that can fail, and what is done to its partitions.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anymq_batch::{BatchBuilder, BatchHeader, Compression, Head, Records};
use anymq_broker::topics::{
    Cold, CreateTopic, Encoding, Found, Read, ReadOut, Run, TopicInfo, Write, WriteFault, Wrote,
};
use anymq_broker::{Broker, Connect, DeclareQueue, Event, Options, Principal, Session};
use anymq_runtime::{FaultDisk, ManualClock};
use anymq_types::value::{Table, Value};
use anymq_types::{Millis, QueueId};

pub(crate) const NOW: u64 = 1_700_000_000_000;

pub(crate) struct House {
    pub(crate) broker: Broker,
    pub(crate) session: Session,
    pub(crate) clock: Arc<ManualClock>,
}

impl House {
    pub(crate) fn open(disk: &FaultDisk) -> House {
        House::with(disk, anymq_broker::Config::default())
    }

    pub(crate) fn with(disk: &FaultDisk, config: anymq_broker::Config) -> House {
        let clock = Arc::new(ManualClock::new(Millis(NOW)));
        let log = anymq_log::Config {
            threads: false,
            seed: Some(1),
            clock: clock.clone(),
            segment_bytes: 64 << 10,
            // A disk that fails is looked at by the test itself.
            on_fatal: Arc::new(|_| {}),
            ..anymq_log::Config::default()
        };
        let broker = Broker::open(Options {
            config,
            log,
            disk: Arc::new(disk.clone()),
            clock: clock.clone(),
            seed: Some(1),
            default_user: Some(("guest".into(), "guest".into(), "/".into())),
            threads: false,
        })
        .expect("the broker starts");
        broker.log().commit_now();
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let connect = Connect {
            principal: Principal::of_user("guest", peer),
            vhost: "/".into(),
            protocol: "test",
            local: peer,
            client_name: String::new(),
            client_properties: Table::new(),
            tls: false,
        };
        let session = broker.connect(connect).expect("the user may connect");
        House { broker, session, clock }
    }

    pub(crate) fn new() -> (FaultDisk, House) {
        let disk = FaultDisk::new();
        let house = House::open(&disk);
        (disk, house)
    }

    pub(crate) fn topic(&self, name: &str, partitions: u32) -> TopicInfo {
        let create = CreateTopic { name, partitions, config: BTreeMap::new(), validate_only: false };
        let topic = self.session.create_topic(&create).expect("the topic is made").value;
        self.broker.log().commit_now();
        topic
    }

    /// Writes a batch without waiting for the disk.
    pub(crate) fn write(&self, partition: QueueId, batch: &[u8]) -> Result<Wrote, WriteFault> {
        let header = BatchHeader::parse(batch).expect("a batch");
        self.session.write(vec![Write { partition, header, batch: batch.into() }]).results.remove(0)
    }

    /// Writes a batch and has it synced; its base offset.
    pub(crate) fn written(&self, partition: QueueId, batch: &[u8]) -> u64 {
        let wrote = self.write(partition, batch).expect("the batch is taken");
        self.broker.log().commit_now();
        wrote.base
    }

    pub(crate) fn read(&self, partition: QueueId, offset: u64, max_bytes: u32) -> ReadOut {
        let read = Read { partition, offset, max_bytes, at_least_one: true, stable_only: false };
        self.session.read(&[read], None).remove(0)
    }

    /// What is at an offset, wherever it is.
    pub(crate) fn runs(&self, partition: QueueId, offset: u64, max_bytes: u32) -> Vec<Run> {
        match self.read(partition, offset, max_bytes).found {
            Found::Runs(runs) => runs,
            Found::Cold(cold) => self.load(cold).expect("what is on disk is found"),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn load(&self, cold: Cold) -> Option<Vec<Run>> {
        self.session.load(7, &[cold]);
        self.broker.log().run_reads_now();
        let loaded = self.events().into_iter().find_map(|event| match event {
            Event::Loaded(loaded) => Some(loaded),
            _ => None,
        });
        let loaded = loaded.expect("an answer");
        assert_eq!((loaded.token, loaded.index), (7, 0));
        loaded.runs
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        self.session.outbox().drain(&mut events);
        events
    }

    pub(crate) fn queue(&self, name: &str, args: &[(&str, &str)]) -> QueueId {
        let mut table = Table::new();
        args.iter().for_each(|&(key, value)| table.insert(key, Value::from(value)));
        let declare = DeclareQueue {
            name,
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            args: &table,
        };
        self.session.declare_queue(declare).expect("the queue is declared");
        self.session.topic(name).expect("a queue is a topic").partitions[0]
    }
}

pub(crate) fn numbered(head: Head, values: &[&str], compression: Compression) -> Vec<u8> {
    let mut batch = BatchBuilder::new(head, compression);
    for (n, value) in values.iter().enumerate() {
        batch.push(NOW as i64 + n as i64, Some(b"key"), Some(value.as_bytes()), &[]).expect("short");
    }
    batch.finish().expect("short")
}

pub(crate) fn batch(values: &[&str]) -> Vec<u8> {
    numbered(Head::default(), values, Compression::None)
}

/// The values in runs of batches, with their offsets.
pub(crate) fn values(runs: &[Run]) -> Vec<(i64, String)> {
    let mut all = Vec::new();
    for run in runs {
        assert_eq!(run.encoding, Encoding::Batches);
        let mut rest = &run.bytes[..];
        while !rest.is_empty() {
            let size = BatchHeader::parse(rest).expect("a batch").size();
            let mut records = Records::new(&rest[..size], 1 << 20).expect("a batch");
            records
                .for_each(|r| {
                    all.push((r.offset, String::from_utf8_lossy(r.value.unwrap_or_default()).into_owned()))
                })
                .expect("records");
            rest = &rest[size..];
        }
    }
    all
}

pub(crate) fn other_session(broker: &Broker) -> Session {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 2));
    let connect = Connect {
        principal: Principal::of_user("guest", peer),
        vhost: "/".into(),
        protocol: "test",
        local: peer,
        client_name: String::new(),
        client_properties: Table::new(),
        tls: false,
    };
    broker.connect(connect).expect("the user may connect")
}
