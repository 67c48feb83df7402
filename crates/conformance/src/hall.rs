//! The plainest door: the broker's own session API, on a disk that fails on command and a clock that stands still.

mod door;
mod wording;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anymq_broker::{
    Broker, Connect, Delivery, Event, HolderId, Options, Outcome, Principal, PublishBatch, Session,
    StartError,
};
use anymq_runtime::{Disk, FaultDisk, Loss, ManualClock};
use anymq_types::record::{Record, Records};
use anymq_types::value::Table;
use anymq_types::{ByteSize, Millis, Offset};

use crate::door::{Client, Given, Lease, Message};

/// The one user.
const USER: &str = "tester";
/// Moments at which the broker looks while time passes: what waits for the disk is looked at again.
const STEPS: u32 = 16;

/// What a hall is made of.
#[derive(Clone, Debug)]
pub struct HallOptions {
    /// Size of a journal segment: small, so that there are several.
    pub segment_bytes: u32,
    /// Bytes of messages kept in memory.
    pub memory_budget: u64,
    /// Journal bytes kept as history.
    pub history_bytes: u64,
    /// Free disk space below which publishers are held back.
    pub disk_free_limit: u64,
    /// Most reads waiting for the disk.
    pub reads_max: usize,
}

impl Default for HallOptions {
    fn default() -> Self {
        HallOptions {
            segment_bytes: 16 << 10,
            memory_budget: 1 << 20,
            history_bytes: 64 << 10,
            disk_free_limit: 0,
            reads_max: 1_024,
        }
    }
}

/// One client's connection.
struct Connection {
    session: Session,
    holder: HolderId,
    /// Sent to it, not looked at.
    inbox: std::collections::VecDeque<Given>,
}

/// A broker without threads, its disk, its clock, and its clients.
pub struct Hall {
    options: HallOptions,
    disk: FaultDisk,
    clock: Arc<ManualClock>,
    fatal: Arc<AtomicBool>,
    broker: Option<Broker>,
    /// Declares and publishes.
    operator: Option<Session>,
    clients: Vec<Option<Connection>>,
}

impl Default for Hall {
    fn default() -> Self {
        Self::new(HallOptions::default())
    }
}

impl Hall {
    /// A hall on an empty disk.
    ///
    /// # Panics
    /// If the broker does not start.
    pub fn new(options: HallOptions) -> Hall {
        Self::on(FaultDisk::new(), options).unwrap_or_else(|error| panic!("the broker starts: {error}"))
    }

    /// A hall on a disk that may hold something.
    ///
    /// # Errors
    /// If the broker refuses to start.
    pub fn on(disk: FaultDisk, options: HallOptions) -> Result<Hall, StartError> {
        let clock = Arc::new(ManualClock::new(Millis(1_700_000_000_000)));
        let mut hall = Hall {
            options,
            disk,
            clock,
            fatal: Arc::default(),
            broker: None,
            operator: None,
            clients: Vec::new(),
        };
        hall.open()?;
        Ok(hall)
    }

    fn open(&mut self) -> Result<(), StartError> {
        let fatal = Arc::new(AtomicBool::new(false));
        self.fatal = fatal.clone();
        let log = anymq_log::Config {
            segment_bytes: self.options.segment_bytes,
            threads: false,
            reads_max: self.options.reads_max,
            seed: Some(1),
            clock: self.clock.clone(),
            on_fatal: Arc::new(move |_| fatal.store(true, Ordering::SeqCst)),
            ..anymq_log::Config::default()
        };
        let config = anymq_broker::Config {
            memory_budget: ByteSize(self.options.memory_budget),
            history_bytes: ByteSize(self.options.history_bytes),
            disk_free_limit: ByteSize(self.options.disk_free_limit),
            memory_high_watermark: ByteSize(u64::MAX),
            ..anymq_broker::Config::default()
        };
        let broker = Broker::open(Options {
            config,
            log,
            disk: Arc::new(self.disk.clone()),
            clock: self.clock.clone(),
            seed: Some(1),
            default_user: None,
            threads: false,
        })?;
        if broker.catalog(|c| c.user(USER).is_none()) {
            make_user(&broker);
        }
        broker.log().commit_now();
        self.operator = Some(connect(&broker));
        self.broker = Some(broker);
        Ok(())
    }

    /// The broker.
    pub fn broker(&self) -> &Broker {
        self.broker.as_ref().expect("a broker runs between interruptions")
    }

    /// The session that declares and publishes.
    pub fn operator(&self) -> &Session {
        self.operator.as_ref().expect("connected between interruptions")
    }

    /// The disk.
    pub fn disk(&self) -> &FaultDisk {
        &self.disk
    }

    /// Whether the journal has said that it can go on no longer.
    pub fn has_failed(&self) -> bool {
        self.fatal.load(Ordering::SeqCst)
    }

    /// Writes, syncs and reads what waits for that, until nothing does.
    pub fn work(&self) {
        self.broker().log().commit_now();
        self.broker().log().run_reads_now();
    }

    /// The process is gone before anything else reaches the disk; the next one finds what `loss` leaves of it.
    ///
    /// # Errors
    /// If the broker refuses to start again.
    pub fn crash(&mut self, loss: Loss) -> Result<(), StartError> {
        self.disk.crash_at(self.disk.ops());
        let after = self.disk.after_crash(loss);
        self.clients.iter_mut().for_each(|c| *c = None);
        (self.operator, self.broker) = (None, None);
        self.disk = after;
        self.open()
    }

    /// The broker stops in order and starts again.
    ///
    /// # Errors
    /// If it refuses to start.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.clients.iter_mut().for_each(|c| *c = None);
        self.operator = None;
        if let Some(broker) = self.broker.take() {
            broker.close().unwrap_or_else(|error| panic!("the broker stops in order: {error}"));
        }
        self.open()
    }

    /// Messages as a batch for the default exchange, with confirms.
    pub fn batch(&self, queue: &str, messages: &[Message]) -> PublishBatch {
        wording::batch(self.broker().now(), queue, messages)
    }

    fn connection(&mut self, client: Client) -> &mut Connection {
        self.clients[client.0].as_mut().expect("the client is connected")
    }

    /// Looks what has been sent to a client; the answer to a fetch, if there is one.
    fn look(&mut self, client: Client) -> Option<Option<Given>> {
        self.work();
        let connection = self.connection(client);
        let mut events = Vec::new();
        connection.session.outbox().drain(&mut events);
        let mut answer = None;
        for event in events {
            match event {
                Event::Delivery(delivery) => {
                    connection.session.outbox().written(delivery.records.len());
                    connection.inbox.extend(given(client, &delivery));
                }
                Event::Fetched { message, .. } => {
                    answer = Some(message.and_then(|(delivery, _)| {
                        connection.session.outbox().written(delivery.records.len());
                        given(client, &delivery).into_iter().next()
                    }));
                }
                Event::Close { reason } => panic!("the broker closes a connection: {reason}"),
                _ => {}
            }
        }
        answer
    }

    /// Ends a delivery and leaves what that wants to be read unread.
    pub fn settle_without_reading(&mut self, lease: Lease, outcome: Outcome) {
        let connection = self.connection(lease.client);
        connection.session.settle(connection.holder, outcome, &[settled(lease)]);
    }

    /// Files on the disk with their lengths.
    pub fn files(&self) -> Vec<(String, u64)> {
        let mut files = Vec::new();
        for dir in ["segments", "snapshots"] {
            for name in self.disk.list(dir).unwrap_or_default() {
                let path = format!("{dir}/{name}");
                let bytes = self.disk.bytes_of(&path).map_or(0, |b| b.len() as u64);
                files.push((path, bytes));
            }
        }
        files
    }

    /// Moves the clock, in steps, and does what is due at each.
    pub fn advance(&self, time: Duration) {
        for _ in 0..STEPS {
            self.clock.advance(time / STEPS);
            self.broker().tick();
            self.work();
        }
    }
}

/// A run of messages, one by one.
fn given(client: Client, delivery: &Delivery) -> Vec<Given> {
    let one = |(i, record): (usize, Record<'_>)| Given {
        body: record.body.to_vec(),
        redelivered: delivery.redelivered,
        deaths: wording::deaths(&record),
        lease: Lease { client, token: (delivery.queue.0, delivery.first.0 + i as u64) },
    };
    let list: Vec<Given> = Records::new(&delivery.records).enumerate().map(one).collect();
    assert_eq!(list.len(), delivery.count as usize, "a run has as many records as it says");
    list
}

fn settled(lease: Lease) -> anymq_broker::Settled {
    anymq_broker::Settled { queue: anymq_types::QueueId(lease.token.0), offset: Offset(lease.token.1) }
}

fn make_user(broker: &Broker) {
    let vhost = broker.catalog(|c| c.vhost("/").map(|v| v.id)).expect("vhost / is there from the beginning");
    let user = anymq_catalog::User {
        name: USER.into(),
        password: anymq_auth::PasswordHash::none(),
        scram: Default::default(),
        tags: anymq_auth::Tags::new([]),
        limits: anymq_catalog::UserLimits::default(),
    };
    let grant = anymq_auth::Permissions::full();
    let permission = anymq_catalog::Permission { user: USER.into(), vhost, grant };
    let changes =
        vec![anymq_catalog::Change::UserPut(user), anymq_catalog::Change::PermissionPut(permission)];
    broker.change_all(changes).expect("a user can be made");
}

fn connect(broker: &Broker) -> Session {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let connect = Connect {
        principal: Principal::of_user(USER, peer),
        vhost: "/".into(),
        protocol: "hall",
        local: peer,
        client_name: String::new(),
        client_properties: Table::new(),
        tls: false,
    };
    broker.connect(connect).expect("the user may connect")
}
