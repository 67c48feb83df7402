//! The simulated machine: a broker on a disk that fails, and the client that connects to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anymq_broker::{Broker, Connect, DeclareQueue, Options, Principal, Session, Subscribe};
use anymq_runtime::Loss;
use anymq_types::value::Table;
use anymq_types::{ByteSize, Position};

use crate::world::{Crashes, QUEUES, World};

impl World {
    pub(crate) fn start(&mut self) -> Result<(), String> {
        let fatal = Arc::new(AtomicBool::new(false));
        self.fatal = fatal.clone();
        let config = anymq_broker::Config {
            memory_budget: ByteSize(1 << 20),
            history_bytes: ByteSize(32 << 10),
            snapshot_every: ByteSize(1 << 20),
            disk_free_limit: ByteSize(0),
            memory_high_watermark: ByteSize(u64::MAX),
            ..anymq_broker::Config::default()
        };
        let log = anymq_log::Config {
            segment_bytes: 16 << 10,
            threads: false,
            seed: Some(self.rng.next_u64()),
            clock: self.clock.clone(),
            on_fatal: Arc::new(move |_| fatal.store(true, Ordering::SeqCst)),
            ..anymq_log::Config::default()
        };
        let options = Options {
            config,
            log,
            disk: Arc::new(self.disk.clone()),
            clock: self.clock.clone(),
            seed: Some(self.rng.next_u64()),
            default_user: None,
            threads: false,
        };
        let broker = Broker::open(options).map_err(|e| format!("the broker does not start: {e}"))?;
        broker.log().commit_now();
        self.broker = Some(broker);
        self.connect()?;
        // What a crash left open is decided before anything new is written.
        self.check_topics()
    }

    pub(crate) fn crash(&mut self) -> Result<(), String> {
        self.report.crashes += 1;
        let committed: Position = self.broker().log().committed();
        let loss = match self.rng.below(3) {
            0 => Loss::Nothing,
            1 => Loss::Unsynced,
            _ => Loss::Random(self.rng.next_u64()),
        };
        // The process is gone before anything it does on its way out can reach the disk.
        self.disk.crash_at(self.disk.ops());
        let after = self.disk.after_crash(loss);
        self.drop_session();
        self.topics.session = None;
        self.broker = None;
        self.disk = after;
        self.models.values_mut().for_each(|m| m.crash(committed));
        self.topics_crashed(committed);
        self.note(21, committed.0);
        if self.crashes == Crashes::Random && !self.finishing && self.rng.chance(10) {
            self.disk.crash_at(self.disk.ops() + self.rng.below(30));
        }
        let started = self.start();
        if started.is_err() && self.disk.crashed() {
            return self.crash_again(loss);
        }
        started
    }

    /// The machine crashed while it recovered.
    fn crash_again(&mut self, loss: Loss) -> Result<(), String> {
        self.report.crashes += 1;
        self.note(23, self.disk.ops());
        self.session = None;
        self.topics.session = None;
        self.broker = None;
        self.disk = self.disk.after_crash(loss);
        self.start()
    }

    pub(crate) fn reopen(&mut self) -> Result<(), String> {
        self.note(22, 0);
        self.drop_session();
        let closed = self.broker().close();
        if closed.is_err() || self.disk.crashed() {
            return self.crash();
        }
        let committed = self.broker().log().committed();
        self.topics.session = None;
        self.broker = None;
        self.disk.restart_process();
        self.models.values_mut().for_each(|m| m.crash(committed));
        self.topics_crashed(committed);
        self.start()
    }

    pub(crate) fn connect(&mut self) -> Result<(), String> {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let broker = self.broker();
        if broker.catalog(|c| c.user("sim").is_none()) {
            let vhost = broker.catalog(|c| c.vhost("/").map(|v| v.id)).ok_or("vhost / is missing")?;
            let user = anymq_catalog::User {
                name: "sim".into(),
                password: anymq_auth::PasswordHash::none(),
                scram: Default::default(),
                tags: anymq_auth::Tags::new([]),
                limits: anymq_catalog::UserLimits::default(),
            };
            let grant = anymq_auth::Permissions::full();
            let permission = anymq_catalog::Permission { user: "sim".into(), vhost, grant };
            let changes =
                vec![anymq_catalog::Change::UserPut(user), anymq_catalog::Change::PermissionPut(permission)];
            broker.change_all(changes).map_err(|e| e.to_string())?;
        }
        let connect = Connect {
            principal: Principal::of_user("sim", peer),
            vhost: "/".into(),
            protocol: "sim",
            local: peer,
            client_name: String::new(),
            client_properties: Table::new(),
            tls: false,
        };
        let session = broker.connect(connect.clone()).map_err(|e| e.to_string())?;
        let other = broker.connect(connect).map_err(|e| e.to_string())?;
        for (name, kind) in QUEUES {
            declare(&session, name, kind)?;
        }
        if self.topics.session.is_none() {
            self.open_topics(other)?;
        }
        self.broker().log().commit_now();
        let limit = 5 + self.rng.below(40) as u32;
        self.holder = session.open_holder(limit);
        for (index, (name, _)) in QUEUES.iter().enumerate() {
            let args = Table::new();
            let subscribe = Subscribe {
                queue: name,
                token: index as u64,
                holder: self.holder,
                tag: name,
                auto_ack: false,
                exclusive: false,
                prefetch: 1 + self.rng.below(20) as u32,
                args: &args,
            };
            session.subscribe(subscribe).map_err(|e| format!("consume {name}: {e}"))?;
        }
        self.session = Some(session);
        Ok(())
    }
}

fn declare(session: &Session, name: &str, kind: &str) -> Result<(), String> {
    let mut args = Table::new();
    args.insert("x-queue-type", kind);
    match name {
        "rejecting" => {
            args.insert("x-dead-letter-exchange", "");
            args.insert("x-dead-letter-routing-key", "dead");
        }
        "urgent" => args.insert("x-max-priority", 5i32),
        "quorum" => args.insert("x-delivery-limit", -1i32),
        _ => {}
    }
    let declare = DeclareQueue {
        name,
        passive: false,
        durable: true,
        exclusive: false,
        auto_delete: false,
        args: &args,
    };
    session.declare_queue(declare).map(|_| ()).map_err(|e| format!("declare {name}: {e}"))
}
