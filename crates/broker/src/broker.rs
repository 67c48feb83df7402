//! The broker: the core behind its lock, the journal, and the threads that serve both.
//!
//! Start with [`Broker::open`]; doors go on with [`Broker::connect`].

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anymq_auth::oauth2::TokenVerifier;
use anymq_auth::scram::{RANDOM_BYTES, ScramCredentials, ScramSecret};
use anymq_auth::{Authenticator, Backoff, PasswordHash, Permissions, SALT_BYTES, Tags};
use anymq_catalog::{Catalog, Change, Permission, User};
use anymq_log::{Log, OpenError, ReadError};
use anymq_runtime::{Clock, Disk, Rng};
use anymq_types::{Millis, Position};
use parking_lot::{Condvar, Mutex};

use crate::api::{Alarms, Connect};
use crate::config::Config;
use crate::core::Core;
use crate::core::fx::{After, Fx, LoadRequest};
use crate::error::Result;
use crate::fail_stop::FailStop;
use crate::latency::Stopwatch;
use crate::progress::{Progress, Watched};
use crate::session::Session;
use crate::stopped;
use crate::validation::SchemaWatch;

/// How long nothing is compacted after nothing was worth it.
const COMPACTION_PAUSE: Duration = Duration::from_secs(5);

/// What a broker is made of.
pub struct Options {
    /// Settings.
    pub config: Config,
    /// Settings of the journal.
    pub log: anymq_log::Config,
    /// Where the data directory is.
    pub disk: Arc<dyn Disk>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Seed of names and chance; the system's entropy if `None`.
    pub seed: Option<u64>,
    /// Made in a new data directory: user, password, vhost.
    pub default_user: Option<(String, String, String)>,
    /// Start the timer and housekeeping threads. Without, [`Broker::tick`] and [`Broker::housekeep`] do the work.
    pub threads: bool,
}

/// Why a broker does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The journal cannot be opened.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The default user or vhost could not be made.
    #[error("default user: {0}")]
    DefaultUser(String),
}

pub(crate) struct Inner {
    pub(crate) core: Mutex<Core>,
    /// [`Core::catalog_changes`], to be read without its lock.
    pub(crate) catalog_changes: Arc<AtomicU64>,
    pub(crate) log: Log,
    /// Held by whoever moves stored messages elsewhere.
    pub(crate) moving: Mutex<()>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) config: Config,
    pub(crate) auth: Authenticator,
    pub(crate) backoff: Backoff,
    pub(crate) tokens: OnceLock<Arc<TokenVerifier>>,
    /// The core's, for those who ask without the lock.
    pub(crate) schemas: Arc<SchemaWatch>,
    pub(crate) stopwatch: Arc<Stopwatch>,
    clock: Arc<dyn Clock>,
    /// Wall clock and monotonic clock at the start: the broker's time never jumps.
    epoch: (Millis, Duration),
    timer: Mutex<Millis>,
    /// Wakes the timer thread, and no other: an appointment it does not hear of is late.
    timer_changed: Condvar,
    /// Wakes the housekeeping thread.
    house_called: Condvar,
    pub(crate) stopping: AtomicBool,
    pub(crate) snapshot_at: AtomicU64,
    /// The one before it; 0: not known.
    pub(crate) snapshot_before: AtomicU64,
    /// The core's alarms, for doors that ask at every wake: bit 0 memory, bit 1 disk.
    pub(crate) alarms: AtomicU8,
}

/// A handle to the broker; cheap to clone.
#[derive(Clone)]
pub struct Broker {
    pub(crate) inner: Arc<Inner>,
}

impl Broker {
    /// Opens a data directory and brings everything in it back.
    ///
    /// # Errors
    /// If the journal is damaged or of a newer version, or the default user cannot be made.
    pub fn open(options: Options) -> std::result::Result<Broker, StartError> {
        Broker::open_watched(options, &mut |_| ())
    }

    /// [`Broker::open`], with word of how far it is: at first and after every MiB.
    pub fn open_watched(
        options: Options,
        tell: &mut dyn FnMut(Progress),
    ) -> std::result::Result<Broker, StartError> {
        let Options { config, log, disk, clock, seed, default_user, threads } = options;
        let epoch = (clock.now(), clock.monotonic());
        let mut rng = seed.map_or_else(Rng::from_entropy, Rng::new);
        let mut core = Core::new(config.clone(), epoch.0, rng.next_u64());
        let progress = Progress { done: 0, total: 0 };
        let log = Log::open(disk.clone(), log, &mut Watched { core: &mut core, progress, tell })?;
        // In order only if the snapshot was the last thing that a broker did, and nothing was delivered since.
        let stopped = stopped::take(&*disk, log.committed())?;
        let in_order = stopped && log.recovered().frames == 0;
        core.recovered(epoch.0, in_order);
        let mut key = [0; 32];
        rng.fill(&mut key);
        let auth = Authenticator::new(
            anymq_auth::Config {
                loopback_users: anymq_auth::LoopbackUsers::new(config.loopback_users.clone()),
                ..anymq_auth::Config::default()
            },
            key,
        );
        let snapshot = log.recovered().snapshot.unwrap_or(Position(0));
        let inner = Arc::new(Inner {
            catalog_changes: core.catalog_changes.clone(),
            schemas: core.schemas.clone(),
            core: Mutex::new(core),
            log,
            moving: Mutex::default(),
            disk,
            config,
            auth,
            backoff: Backoff::default(),
            tokens: OnceLock::new(),
            stopwatch: Stopwatch::new(clock.clone()),
            clock,
            epoch,
            timer: Mutex::new(Millis(u64::MAX)),
            timer_changed: Condvar::new(),
            house_called: Condvar::new(),
            stopping: AtomicBool::new(false),
            snapshot_at: AtomicU64::new(snapshot.0),
            snapshot_before: AtomicU64::new(0),
            alarms: AtomicU8::new(0),
        });
        let broker = Broker { inner };
        // One that is killed again and again before it gets to it must not read more and more of the journal each time.
        broker.inner.snapshot_if_due();
        broker.bootstrap(default_user, &mut rng)?;
        if threads {
            broker.spawn_threads();
        }
        Ok(broker)
    }

    /// Fills a new data directory.
    fn bootstrap(
        &self,
        default_user: Option<(String, String, String)>,
        rng: &mut Rng,
    ) -> std::result::Result<(), StartError> {
        let (is_new, has_secret) = {
            let catalog = &self.inner.core.lock().catalog;
            (catalog.vhosts().next().is_none(), catalog.scram_secret().is_some())
        };
        let mut changes = if is_new { Catalog::initial_changes() } else { Vec::new() };
        if !has_secret {
            let mut secret = [0; 32];
            rng.fill(&mut secret);
            changes.push(Change::ScramSecretPut(ScramSecret::new(secret)));
        }
        if let Some((user, password, vhost)) = default_user.filter(|_| is_new) {
            let mut salt = [0; SALT_BYTES];
            rng.fill(&mut salt);
            let hash = PasswordHash::argon2id(password.as_bytes(), salt);
            let scram = ScramCredentials::of_password(password.as_bytes(), || {
                let mut random = [0; RANDOM_BYTES];
                rng.fill(&mut random);
                random
            });
            let tags = Tags::new(["administrator"]);
            if vhost != "/" {
                let id = anymq_types::VhostId(2);
                changes.push(Change::VhostPut(anymq_catalog::Vhost::new(id, vhost.as_str())));
            }
            let id = if vhost == "/" { anymq_types::VhostId(1) } else { anymq_types::VhostId(2) };
            changes.push(Change::UserPut(User {
                name: user.as_str().into(),
                password: hash,
                scram,
                tags,
                limits: Default::default(),
            }));
            changes.push(Change::PermissionPut(Permission {
                user: user.as_str().into(),
                vhost: id,
                grant: Permissions::full(),
            }));
        }
        let (result, end) =
            self.inner.with(|core, fx| changes.into_iter().try_for_each(|c| core.change(fx, c)));
        result.map_err(|e| StartError::DefaultUser(e.to_string()))?;
        if let Some(end) = end {
            self.inner.log.wait_committed(end).map_err(|e| StartError::DefaultUser(e.to_string()))?;
        }
        Ok(())
    }

    fn spawn_threads(&self) {
        let timer = self.clone();
        let house = self.clone();
        let compactor = self.clone();
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name.into())
                .spawn(run)
                .expect("a thread can be started at start-up")
        };
        spawn("anymq-timer", Box::new(move || timer.inner.run_timer()));
        spawn("anymq-house", Box::new(move || house.inner.run_house()));
        spawn("anymq-compact", Box::new(move || compactor.inner.run_compaction()));
    }

    /// The broker's time.
    pub fn now(&self) -> Millis {
        self.inner.now()
    }

    /// This node's name.
    pub fn node_name(&self) -> String {
        self.inner.config.node_name.clone()
    }

    /// The cluster's name.
    pub fn cluster_name(&self) -> String {
        self.inner.config.cluster_name.clone()
    }

    /// Opens a connection's session.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotAllowed`] if the vhost does not exist, is refused, or a limit is reached.
    pub fn connect(&self, connect: Connect) -> Result<Session> {
        Session::open(self.clone(), connect)
    }

    /// What holds publishers back.
    pub fn alarms(&self) -> Alarms {
        let bits = self.inner.alarms.load(Ordering::Acquire);
        Alarms { memory: bits & 1 != 0, disk: bits & 2 != 0 }
    }

    /// Does what is due; the next moment at which something will be. For brokers without threads.
    pub fn tick(&self) -> Option<Millis> {
        self.inner.with(|core, fx| core.tick(fx));
        self.inner.core.lock().next_timer()
    }

    /// Looks at memory, disk, snapshots and reclaim once. For brokers without threads.
    pub fn housekeep(&self) {
        self.inner.housekeep();
    }

    /// Compacts the partition that has the most to gain, if one has enough; whether there was one. For brokers without threads.
    pub fn compact(&self) -> bool {
        self.inner.compact()
    }

    /// Takes a snapshot now.
    ///
    /// # Errors
    /// The journal's, in words.
    pub fn snapshot(&self) -> std::result::Result<(), String> {
        self.inner.take_snapshot()
    }

    /// Stops: no timers, a last snapshot, the journal closed. Sessions should be gone by then.
    ///
    /// # Errors
    /// The journal's, in words.
    pub fn close(&self) -> std::result::Result<(), String> {
        self.inner.stopping.store(true, Ordering::SeqCst);
        self.inner.timer_changed.notify_all();
        self.inner.house_called.notify_all();
        let snapshot = self.inner.take_snapshot();
        self.inner.log.close().map_err(|e| e.to_string())?;
        snapshot?;
        if let Err(error) = stopped::put(&*self.inner.disk, self.inner.log.committed()) {
            tracing::warn!(%error, "no mark of an orderly stop; after the next start every message counts as delivered before");
        }
        Ok(())
    }

    /// The journal; for metrics and tests.
    pub fn log(&self) -> &Log {
        &self.inner.log
    }
}

impl Inner {
    /// The time of day as the system has it; it may jump.
    pub(crate) fn wall_now(&self) -> Millis {
        self.clock.now()
    }

    pub(crate) fn now(&self) -> Millis {
        let (wall, monotonic) = self.epoch;
        Millis(wall.0 + self.clock.monotonic().saturating_sub(monotonic).as_millis() as u64)
    }

    /// Runs one operation on the core, then carries its effects out. The position after its last journal frame, if it wrote any.
    pub(crate) fn with<T>(
        self: &Arc<Self>,
        operation: impl FnOnce(&mut Core, &mut Fx<'_>) -> T,
    ) -> (T, Option<Position>) {
        let mut core = self.core.lock();
        let _fail_stop = FailStop::new(&self.log);
        let mut fx = Fx::new(&self.log, self.now());
        core.now = fx.now;
        let value = operation(&mut core, &mut fx);
        core.settle_effects(&mut fx);
        let timer = core.earliest_timer.take();
        let after = fx.finish();
        drop(core);
        if let Some(at) = timer {
            self.set_timer(at);
        }
        let end = after.end;
        self.carry_out(after);
        (value, end)
    }

    fn carry_out(self: &Arc<Self>, after: After) {
        for load in after.loads {
            let inner = self.clone();
            self.log.read_async(load.at, load.bytes, Box::new(move |span| inner.loaded(load, span)));
        }
        after.wakes.iter().for_each(|outbox| outbox.wake());
        after.signals.iter().for_each(|outbox| outbox.signal());
        for outbox in after.watchers {
            match after.end {
                Some(end) => self.log.when_committed(end, outbox),
                None => outbox.signal(),
            }
        }
    }

    fn loaded(self: &Arc<Self>, request: LoadRequest, span: std::result::Result<bytes::Bytes, ReadError>) {
        self.with(|core, fx| core.loaded(fx, &self.log, &request, span));
    }

    fn set_timer(&self, at: Millis) {
        let mut next = self.timer.lock();
        if at < *next {
            *next = at;
            self.timer_changed.notify_one();
        }
    }

    fn run_timer(self: &Arc<Self>) {
        while !self.stopping.load(Ordering::SeqCst) {
            // Whoever makes an appointment from here on leaves it there, and it is not overwritten.
            *self.timer.lock() = Millis(u64::MAX);
            self.with(|core, fx| core.tick(fx));
            let next = self.core.lock().next_timer().unwrap_or(Millis(u64::MAX));
            let mut timer = self.timer.lock();
            *timer = timer.min(next);
            let wait = timer.0.saturating_sub(self.now().0).min(1_000);
            if wait > 0 && !self.stopping.load(Ordering::SeqCst) {
                self.timer_changed.wait_for(&mut timer, Duration::from_millis(wait));
            }
        }
    }

    fn run_compaction(self: &Arc<Self>) {
        while !self.stopping.load(Ordering::SeqCst) {
            let found = self.compact();
            let mut idle = self.timer.lock();
            let pause = if found { Duration::ZERO } else { COMPACTION_PAUSE };
            self.house_called.wait_for(&mut idle, pause);
        }
    }

    fn run_house(self: &Arc<Self>) {
        while !self.stopping.load(Ordering::SeqCst) {
            self.housekeep();
            let mut idle = self.timer.lock();
            self.house_called.wait_for(&mut idle, Duration::from_millis(200));
        }
    }
}
