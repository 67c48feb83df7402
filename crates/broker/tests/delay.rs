//! A message with a delay comes after a restart, whatever it went through before and however the state came back.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anymq_broker::{
    Broker, Connect, DeclareQueue, Delivery, Event, Fetch, Fetched, HolderId, Options, Outcome, Principal,
    PublishBatch, Session, Settled,
};
use anymq_runtime::{FaultDisk, ManualClock};
use anymq_types::Millis;
use anymq_types::record::{RecordHead, Records};
use anymq_types::value::Table;

const QUEUE: &str = "later";
const DELAY: Duration = Duration::from_secs(2);

struct House {
    broker: Broker,
    session: Session,
    holder: HolderId,
    clock: Arc<ManualClock>,
}

impl House {
    fn open(disk: &FaultDisk, clock: &Arc<ManualClock>) -> House {
        let log = anymq_log::Config {
            threads: false,
            seed: Some(1),
            clock: clock.clone(),
            ..anymq_log::Config::default()
        };
        let broker = Broker::open(Options {
            config: anymq_broker::Config::default(),
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
        let session = broker
            .connect(Connect {
                principal: Principal::of_user("guest", peer),
                vhost: "/".into(),
                protocol: "test",
                local: peer,
                client_name: String::new(),
                client_properties: Table::new(),
                tls: false,
            })
            .expect("the user may connect");
        let args = Table::new();
        let declare = DeclareQueue {
            name: QUEUE,
            passive: false,
            durable: true,
            exclusive: false,
            auto_delete: false,
            args: &args,
        };
        session.declare_queue(declare).expect("the queue is declared");
        let holder = session.open_holder(0);
        House { broker, session, holder, clock: clock.clone() }
    }

    fn publish(&self, body: &str, delay: Duration) {
        let now = self.session.bounds().now;
        let due = (!delay.is_zero()).then(|| Millis(now.0 + delay.as_millis() as u64));
        let head = RecordHead {
            persistent: true,
            timestamp: now,
            due,
            routing_key: QUEUE.as_bytes(),
            props: &[0, 0],
            ..RecordHead::default()
        };
        let mut batch = PublishBatch::default();
        head.write(body.len(), &mut batch.chunk);
        batch.chunk.extend_from_slice(body.as_bytes());
        batch.push(0, None);
        let published = self.session.publish(&mut batch);
        assert!(published.error.is_none() && published.unroutable.is_empty());
        self.broker.log().commit_now();
    }

    fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.broker.tick();
    }

    /// The next message, if one is ready, and its lease.
    fn fetch(&self) -> Option<(String, Settled)> {
        let fetch = Fetch { queue: QUEUE, token: 7, holder: self.holder, auto_ack: false, wait_ms: 0 };
        let delivery = match self.session.fetch(fetch).expect("the queue is there") {
            Fetched::Message(delivery, _) => delivery,
            Fetched::Empty => return None,
            Fetched::Later => self.read_from_disk()?,
        };
        let body =
            Records::new(&delivery.records).map(|r| String::from_utf8_lossy(r.body).into_owned()).collect();
        Some((body, Settled { queue: delivery.queue, offset: delivery.first }))
    }

    /// The answer to a fetch whose message is not in memory: at most a few reads away.
    fn read_from_disk(&self) -> Option<Delivery> {
        let mut answers = self.answers();
        assert_eq!(answers.len(), 1, "one answer");
        answers.remove(0)
    }

    /// What fetches get that were not answered at once.
    fn answers(&self) -> Vec<Option<Delivery>> {
        let mut events = Vec::new();
        for _ in 0..10 {
            self.broker.log().run_reads_now();
            self.session.outbox().drain(&mut events);
        }
        let answer = |event| match event {
            Event::Fetched { message, .. } => Some(message.map(|(delivery, _)| delivery)),
            _ => None,
        };
        events.into_iter().filter_map(answer).collect()
    }
}

#[test]
fn fetches_of_one_message_on_disk_are_all_answered() {
    let (disk, clock) = (FaultDisk::new(), Arc::new(ManualClock::new(Millis(1_000_000_000))));
    let house = House::open(&disk, &clock);
    house.publish("only", Duration::ZERO);
    drop(house);
    let house = House::open(&disk, &clock);
    let fetch = || Fetch { queue: QUEUE, token: 7, holder: house.holder, auto_ack: true, wait_ms: 0 };
    for _ in 0..2 {
        assert!(matches!(house.session.fetch(fetch()).unwrap(), Fetched::Later), "its record is on disk");
    }
    let got: Vec<bool> = house.answers().iter().map(Option::is_some).collect();
    assert_eq!(got, [true, false]);
}

#[test]
fn a_delayed_message_comes_after_a_restart() {
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Before {
        Waits,
        CameDue,
        IsLeased,
        WasReturned,
    }
    for before in [Before::Waits, Before::CameDue, Before::IsLeased, Before::WasReturned] {
        for with_snapshot in [false, true] {
            let (disk, clock) = (FaultDisk::new(), Arc::new(ManualClock::new(Millis(1_000_000_000))));
            let house = House::open(&disk, &clock);
            house.publish("late", DELAY);
            assert_eq!(house.fetch(), None);
            if before != Before::Waits {
                house.pass(DELAY);
            }
            if matches!(before, Before::IsLeased | Before::WasReturned) {
                let (body, lease) = house.fetch().unwrap();
                assert_eq!(body, "late");
                if before == Before::WasReturned {
                    house.session.settle(house.holder, Outcome::Requeue, &[lease]);
                }
            }
            if with_snapshot {
                house.broker.snapshot().unwrap();
            }
            house.broker.log().commit_now();
            drop(house);
            let house = House::open(&disk, &clock);
            if before == Before::Waits {
                assert_eq!(house.fetch(), None, "its time has not come");
            }
            house.pass(DELAY);
            let (body, lease) =
                house.fetch().unwrap_or_else(|| panic!("{before:?}, snapshot {with_snapshot}: it is lost"));
            assert_eq!(body, "late");
            house.session.settle(house.holder, Outcome::Ack, &[lease]);
            house.publish("next", Duration::ZERO);
            assert_eq!(house.fetch().map(|(body, _)| body).as_deref(), Some("next"));
            assert_eq!(house.fetch(), None);
        }
    }
}
