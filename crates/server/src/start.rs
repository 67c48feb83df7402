//! How a broker comes up, runs and goes down.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anymq_admin::{Board, BrokerHall, Desk};
use anymq_api::{ListenerAddress, Problem, codes};
use anymq_broker::{Broker, Options, StartError};
use anymq_kafka::config::VIRTUAL_NODE_PORTS;
use anymq_log::OpenError;
use anymq_net::{BindError, Drained, Lifecycle, Listener, TlsContext};
use anymq_runtime::real::TakeError;
use anymq_runtime::{Clock, RealDisk, SystemClock};

use crate::banner::{self, Moved};
use crate::config::Settings;
use crate::recovery::Recovery;
use crate::signals::{Signal, Signals};
use crate::tokens::Tokens;
use crate::{holder, logging, memory, notify, ready};

/// Ports tried above one that is taken, before any free one is taken.
const NEIGHBOURS: u16 = 50;
/// How long the admin API gets to finish its requests, after the doors are closed.
const ADMIN_DRAIN: Duration = Duration::from_secs(2);

/// What to do about a port that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Take the next one and say so.
    Move,
    /// Refuse to start.
    Refuse,
}

/// What to start.
pub struct Start {
    /// All settings.
    pub settings: Settings,
    /// About ports that are taken.
    pub ports: Ports,
    /// Print where everything is.
    pub banner: bool,
    /// Written once clients are served.
    pub ready_file: Option<PathBuf>,
    /// Reads the settings again, on SIGHUP.
    pub reload: Box<dyn Fn() -> Result<Settings, Problem>>,
}

/// Runs a broker until it is told to stop.
pub fn run(start: Start) -> Result<(), Problem> {
    let level = logging::init(&start.settings.logging);
    let began = SystemClock.monotonic();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_name("anymq-io");
    if start.settings.server.workers > 0 {
        runtime.worker_threads(start.settings.server.workers);
    }
    let runtime = runtime
        .build()
        .map_err(|e| Problem::new(&codes::RUNTIME_START, format!("cannot start threads: {e}")))?;
    runtime.block_on(serve(start, level, began))
}

async fn serve(start: Start, level: logging::Level, began: Duration) -> Result<(), Problem> {
    let Start { mut settings, ports, banner, ready_file, reload } = start;
    let mut signals = Signals::new()?;
    let doors = bind(&mut settings, ports)?;
    let board = Board::new();
    board.listeners(doors.addresses());
    let tls = doors.tls();
    board.certificates(tls.clone());
    let desk = Desk::new(board.clone(), settings.admin.door.clone(), settings.metrics.door.clone());
    let (clients, operators) = (Lifecycle::new(), Lifecycle::new());
    let Doors { amqp, kafka, registry, admin, metrics, moved } = doors;
    let first = kafka.first().map(|node| &node.open);
    let places = ready::Places::of(&amqp, first, registry.as_ref(), &admin, metrics.as_ref());
    anymq_admin::serve_admin(admin, &operators, desk.clone());
    if let Some(metrics) = metrics {
        anymq_admin::serve_metrics(metrics, &operators, desk);
    }

    let tokens = Tokens::start(&settings.auth.oauth2)?;
    let opening = open(&settings, board.clone());
    let broker = tokio::task::spawn_blocking(opening).await;
    let broker = broker.map_err(|_| Problem::new(&codes::INTERNAL, "recovery ended in a panic"))??;
    let data_dir = std::path::absolute(&settings.server.data_dir).unwrap_or(settings.server.data_dir.clone());
    if let Some(tokens) = &tokens {
        broker.accept_tokens(tokens.verifier());
    }
    anymq_amqp::serve(amqp, broker.clone(), settings.amqp.door.clone(), &clients);
    anymq_kafka::serve(kafka, broker.clone(), settings.kafka.door.clone(), &clients);
    anymq_registry::serve(registry, broker.clone(), settings.registry.door.clone(), &clients);
    board.ready(Arc::new(BrokerHall::new(broker.clone(), data_dir.clone())));
    memory::give_back_in_background();
    let took = SystemClock.monotonic().saturating_sub(began);
    tracing::info!(amqp = %places.amqp, kafka = places.kafka.as_deref(), registry = places.registry.as_deref(), admin = %places.admin, took_ms = took.as_millis() as u64, "serving");
    if banner {
        crate::commands::print(&banner::text(&settings, &places, &moved, &data_dir, took))?;
    }
    if let Some(file) = &ready_file {
        ready::write(file, &places)?;
    }
    notify::send("READY=1");

    wait(&mut signals, &mut || reload_all(&tls, tokens.as_ref(), &level, reload.as_ref())).await;
    tracing::info!("stopping");
    notify::send("STOPPING=1");
    board.draining();
    drain(&clients, settings.server.drain_deadline, &mut signals).await;
    operators.drain(ADMIN_DRAIN).await;
    let closed = tokio::task::spawn_blocking(move || broker.close()).await;
    match closed {
        Ok(Ok(())) => Ok(()),
        Ok(Err(reason)) => {
            Err(Problem::new(&codes::DATA_FAILED, format!("the journal was not closed: {reason}")))
        }
        Err(_) => Err(Problem::new(&codes::INTERNAL, "closing the journal ended in a panic")),
    }
}

/// Lets clients go; a second signal cuts them off.
async fn drain(clients: &Lifecycle, deadline: Duration, signals: &mut Signals) {
    let drained = tokio::select! {
        drained = clients.drain(deadline) => drained,
        () = signals.stop() => clients.drain(Duration::ZERO).await,
    };
    if let Drained::CutOff(left) = drained {
        tracing::warn!(connections = left, "clients did not leave in time and were cut off");
    }
}

/// Until a signal says stop: reloads, and tells the supervisor that all is well.
async fn wait(signals: &mut Signals, reload: &mut dyn FnMut()) {
    let mut watchdog = notify::watchdog();
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Stop => return,
                Signal::Reload => {
                    notify::send("RELOADING=1");
                    reload();
                    notify::send("READY=1");
                }
            },
            () = notify::due(&mut watchdog) => notify::send("WATCHDOG=1"),
        }
    }
}

fn reload_all(
    tls: &[(&'static str, TlsContext)],
    tokens: Option<&Tokens>,
    level: &logging::Level,
    reload: &dyn Fn() -> Result<Settings, Problem>,
) {
    for (door, context) in tls {
        match context.reload() {
            Ok(()) => tracing::info!(door, "certificates reloaded"),
            Err(error) => tracing::error!(door, %error, "certificates not reloaded, the old ones stay"),
        }
    }
    match tokens.map(Tokens::reload) {
        Some(Ok(())) => tracing::info!("token keys reloaded"),
        Some(Err(problem)) => tracing::error!(%problem, "token keys not reloaded, the old ones stay"),
        None => {}
    }
    match reload() {
        Ok(settings) => level.set(&settings.logging.level),
        Err(problem) => tracing::error!(%problem, "settings not reloaded, the old ones stay"),
    }
}

struct Doors {
    amqp: Listener,
    /// One for each node that clients are told of; none if the door is closed.
    kafka: Vec<anymq_kafka::Node>,
    registry: Option<Listener>,
    admin: Listener,
    metrics: Option<Listener>,
    moved: Vec<Moved>,
}

impl Doors {
    fn each(&self) -> impl Iterator<Item = (&'static str, &Listener)> {
        let amqp = std::iter::once(("amqp", &self.amqp));
        let kafka = self.kafka.iter().flat_map(|node| std::iter::once(&node.open).chain(&node.login));
        let kafka = kafka.map(|k| ("kafka", k));
        let admin = std::iter::once(("admin", &self.admin));
        let registry = self.registry.as_ref().map(|r| ("registry", r));
        amqp.chain(kafka).chain(registry).chain(admin).chain(self.metrics.as_ref().map(|m| ("metrics", m)))
    }

    fn addresses(&self) -> Vec<ListenerAddress> {
        let one = |door: &str, address: std::net::SocketAddr, tls| ListenerAddress {
            door: door.to_owned(),
            address: address.to_string(),
            tls,
        };
        let mut all = Vec::new();
        for (door, listener) in self.each() {
            all.extend(listener.plain_addresses().into_iter().map(|a| one(door, a, false)));
            all.extend(listener.tls_addresses().into_iter().map(|a| one(door, a, true)));
        }
        all
    }

    fn tls(&self) -> Vec<(&'static str, TlsContext)> {
        self.each().filter_map(|(door, listener)| Some((door, listener.tls()?.clone()))).collect()
    }
}

fn bind(settings: &mut Settings, ports: Ports) -> Result<Doors, Problem> {
    let mut moved = Vec::new();
    let amqp = bind_one("amqp", &mut settings.amqp.listen, ports, &mut moved)?;
    let kafka = bind_kafka(settings, ports, &mut moved)?;
    let registry = match settings.registry.door.enabled {
        true => Some(bind_one("registry", &mut settings.registry.listen, ports, &mut moved)?),
        false => None,
    };
    let admin = bind_one("admin", &mut settings.admin.listen, ports, &mut moved)?;
    let metrics = match settings.metrics.door.enabled {
        true => Some(bind_one("metrics", &mut settings.metrics.listen, ports, &mut moved)?),
        false => None,
    };
    Ok(Doors { amqp, kafka, registry, admin, metrics, moved })
}

/// A listener for each node that clients are told of.
fn bind_kafka(
    settings: &mut Settings,
    ports: Ports,
    moved: &mut Vec<Moved>,
) -> Result<Vec<anymq_kafka::Node>, Problem> {
    let login_port = settings.kafka.door.login_tls_port;
    let nodes = if settings.kafka.door.enabled { settings.kafka.door.virtual_nodes } else { 0 };
    let bind_node = |node: u16| {
        let mut listen = settings.kafka.listen.clone();
        // 0 is any free port, whichever node it is for.
        let of_node = |port: u16| if port == 0 { 0 } else { port.saturating_add(node * VIRTUAL_NODE_PORTS) };
        (listen.port, listen.tls_port) = (of_node(listen.port), of_node(listen.tls_port));
        let open = bind_one("kafka", &mut listen, ports, moved)?;
        if login_port == 0 {
            return Ok(anymq_kafka::Node { open, login: None });
        }
        (listen.plaintext, listen.tls_port) = (false, of_node(login_port));
        if let Some(tls) = &mut listen.tls {
            (tls.client_ca, tls.require_client_cert) = (None, false);
        }
        let login = bind_one("kafka", &mut listen, ports, moved)?;
        let login = Some(login.sharing_limits(&open));
        Ok(anymq_kafka::Node { open, login })
    };
    (0..nodes).map(bind_node).collect()
}

fn bind_one(
    door: &'static str,
    config: &mut anymq_net::Config,
    ports: Ports,
    moved: &mut Vec<Moved>,
) -> Result<Listener, Problem> {
    let wanted = (config.port, config.tls_port);
    loop {
        let address = match Listener::bind(door, config) {
            Ok(listener) => return Ok(listener),
            Err(BindError::InUse { address, .. }) if ports == Ports::Move => address,
            Err(error) => return Err(bind_problem(&error)),
        };
        let taken = address.port();
        let (port, first) = if taken == config.tls_port {
            (&mut config.tls_port, wanted.1)
        } else {
            (&mut config.port, wanted.0)
        };
        if taken == first {
            moved.push(Moved { door, port: taken, holder: holder::of_port(taken) });
        }
        let in_reach = first.checked_add(NEIGHBOURS).is_some_and(|last| taken < last);
        *port = if in_reach { taken + 1 } else { 0 };
    }
}

/// Opens the data directory; runs on a blocking thread, because it reads the journal.
fn open(settings: &Settings, board: Board) -> impl FnOnce() -> Result<Broker, Problem> + Send + 'static {
    let bootstrap = settings.bootstrap.clone();
    let (dir, config, log) =
        (settings.server.data_dir.clone(), settings.broker.clone(), settings.storage.log());
    move || {
        let disk = RealDisk::take(dir).map_err(|e| disk_problem(&e))?;
        let options = Options {
            config,
            log,
            disk: Arc::new(disk),
            clock: Arc::new(SystemClock),
            seed: None,
            default_user: Some((bootstrap.user, bootstrap.password.0, bootstrap.vhost)),
            threads: true,
        };
        let mut recovery = Recovery::new(board);
        Broker::open_watched(options, &mut |progress| recovery.tell(progress)).map_err(|error| match error {
            StartError::Log(error) => log_problem(&error),
            StartError::DefaultUser(reason) => Problem::new(&codes::DATA_DIR_UNUSABLE, reason),
        })
    }
}

fn bind_problem(error: &BindError) -> Problem {
    let what = error.to_string();
    match error {
        BindError::InUse { address, .. } => match holder::of_port(address.port()) {
            Some(holder) => Problem::new(&codes::PORT_TAKEN, format!("{what} by {holder}")),
            None => Problem::new(&codes::PORT_TAKEN, what),
        },
        BindError::Denied { .. } => Problem::new(&codes::PORT_DENIED, what),
        BindError::Unavailable { .. } => Problem::new(&codes::ADDRESS_UNAVAILABLE, what),
        BindError::Tls { .. } => Problem::new(&codes::TLS_UNUSABLE, what),
    }
}

pub(crate) fn disk_problem(error: &TakeError) -> Problem {
    let code = match error {
        TakeError::InUse(_) => &codes::DATA_DIR_LOCKED,
        TakeError::Io(..) => &codes::DATA_DIR_UNUSABLE,
    };
    Problem::new(code, error.to_string())
}

pub(crate) fn log_problem(error: &OpenError) -> Problem {
    let code = match error {
        OpenError::NewerFormat { .. } => &codes::DATA_TOO_NEW,
        OpenError::Io { .. } => &codes::DATA_DIR_UNUSABLE,
        _ => &codes::DATA_CORRUPT,
    };
    Problem::new(code, error.to_string())
}
