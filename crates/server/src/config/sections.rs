//! The tables of the configuration file.

use std::path::PathBuf;
use std::time::Duration;

use anymq_api::Problem;
use anymq_types::ByteSize;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::layers::Layers;
use super::schema::{self, Kind, Schema};
use super::{read, write};

/// `[server]`: the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Process {
    /// Where messages are kept. One broker per directory.
    pub data_dir: PathBuf,
    /// Threads that serve sockets; 0: one for each core.
    pub workers: usize,
    /// How long clients get to leave when the broker stops; then they are cut off.
    #[serde(with = "anymq_types::units::duration")]
    pub drain_deadline: Duration,
}

impl Default for Process {
    fn default() -> Self {
        Process { data_dir: "anymq-data".into(), workers: 0, drain_deadline: Duration::from_secs(20) }
    }
}

/// `[logging]`: what is written to standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logging {
    /// `error`, `warn`, `info`, `debug`, `trace`, or levels by module as `info,anymq_amqp=debug`. Read again on SIGHUP.
    pub level: String,
    /// `auto` (pretty on a terminal, JSON elsewhere), `pretty` or `json`.
    pub format: LogFormat,
}

/// Shape of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Default for Logging {
    fn default() -> Self {
        Logging { level: "info".into(), format: LogFormat::Auto }
    }
}

/// `[bootstrap]`: what a new data directory begins with. Later changes have no effect: use the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bootstrap {
    /// The first user, an administrator. `guest` may connect from this machine only.
    pub user: String,
    /// Its password; `bootstrap.password` is also read from a file named by `ANYMQ_BOOTSTRAP__PASSWORD_FILE`.
    pub password: Secret,
    /// The first vhost.
    pub vhost: String,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Bootstrap { user: "guest".into(), password: Secret("guest".into()), vhost: "/".into() }
    }
}

/// Text that is never printed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// `[auth]`: ways to log in besides users with passwords and client certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Access tokens; its table is the next one.
    pub oauth2: anymq_auth::oauth2::Config,
}

/// `[storage]`: the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Size of a journal segment.
    pub segment_size: ByteSize,
    /// Write over freed segments instead of deleting them: steadier commits, no return of disk space.
    pub recycle: bool,
    /// Most freed segments kept for that.
    pub spare_segments: usize,
    /// Written and not yet on disk; above this, sockets are not read.
    pub uncommitted_max: ByteSize,
    /// Threads that read messages back from disk.
    pub readers: usize,
    /// Most segment files open for reading.
    pub open_files_max: usize,
}

impl Default for Storage {
    fn default() -> Self {
        let log = anymq_log::Config::default();
        Storage {
            segment_size: ByteSize(u64::from(log.segment_bytes)),
            recycle: log.recycle,
            spare_segments: log.spares_max,
            uncommitted_max: ByteSize(log.uncommitted_bytes_max),
            readers: log.readers,
            open_files_max: log.files_max,
        }
    }
}

impl Storage {
    /// The journal's settings.
    pub fn log(&self) -> anymq_log::Config {
        anymq_log::Config {
            segment_bytes: u32::try_from(self.segment_size.0).unwrap_or(u32::MAX),
            recycle: self.recycle,
            spares_max: self.spare_segments,
            uncommitted_bytes_max: self.uncommitted_max.0,
            readers: self.readers,
            files_max: self.open_files_max,
            ..anymq_log::Config::default()
        }
    }

    fn validate(&self) -> Result<(), (&'static str, String)> {
        const SEGMENT: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 30;
        if !SEGMENT.contains(&self.segment_size.0) {
            return Err(("segment_size", format!("is {}, must be 1MiB to 1GiB", self.segment_size)));
        }
        if self.uncommitted_max.0 < 1 << 20 {
            return Err(("uncommitted_max", format!("is {}, must be at least 1MiB", self.uncommitted_max)));
        }
        if self.readers == 0 || self.readers > 256 {
            return Err(("readers", format!("is {}, must be 1 to 256", self.readers)));
        }
        if self.open_files_max == 0 {
            return Err(("open_files_max", "is 0, must be at least 1".into()));
        }
        Ok(())
    }
}

/// A door's table: its sockets and its own settings, side by side.
#[derive(Clone, Debug, Default)]
pub struct Door<T> {
    /// The sockets.
    pub listen: anymq_net::Config,
    /// What only this door has.
    pub door: T,
}

impl<T: Serialize + DeserializeOwned> Door<T> {
    fn schema(section: &str) -> Schema {
        let mut schema = schema::of::<anymq_net::Config>(section);
        schema.append(&mut schema::of::<T>(section));
        schema
    }

    fn to_table(&self) -> Table {
        let mut table = write(&self.listen);
        table.extend(write(&self.door));
        table
    }

    fn from_table(section: &str, table: Table, layers: &Layers) -> Result<Self, Problem> {
        let of_sockets = schema::fields::<anymq_net::Config>();
        let (listen, door) = table.into_iter().partition(|(name, _)| of_sockets.contains(&name.as_str()));
        Ok(Door { listen: read(section, listen, layers)?, door: read(section, door, layers)? })
    }
}

macro_rules! settings {
    ($(plain $plain:ident: $plain_type:ty,)* $(door $door:ident: $door_type:ty,)*) => {
        /// Everything an operator can set.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $(#[doc = concat!("`[", stringify!($plain), "]`")] pub $plain: $plain_type,)*
            $(#[doc = concat!("`[", stringify!($door), "]`")] pub $door: Door<$door_type>,)*
        }

        impl Settings {
            /// Every key there is.
            pub(crate) fn schema() -> Schema {
                let mut schema = Schema::new();
                $(
                    schema.insert(stringify!($plain).to_owned(), Kind::Table);
                    schema.append(&mut schema::of::<$plain_type>(stringify!($plain)));
                )*
                $(
                    schema.insert(stringify!($door).to_owned(), Kind::Table);
                    schema.append(&mut Door::<$door_type>::schema(stringify!($door)));
                )*
                schema
            }

            /// The settings as a tree, as a file would hold them.
            pub fn to_table(&self) -> Table {
                let mut table = Table::new();
                $(table.insert(stringify!($plain).to_owned(), Value::Table(write(&self.$plain)));)*
                $(table.insert(stringify!($door).to_owned(), Value::Table(self.$door.to_table()));)*
                table
            }

            /// The settings of merged layers.
            pub fn from_layers(layers: &Layers) -> Result<Settings, Problem> {
                let table = |name: &str| match layers.tree.get(name) {
                    Some(Value::Table(table)) => table.clone(),
                    _ => Table::new(),
                };
                Ok(Settings {
                    $($plain: read(stringify!($plain), table(stringify!($plain)), layers)?,)*
                    $($door: Door::from_table(stringify!($door), table(stringify!($door)), layers)?,)*
                })
            }
        }
    };
}

settings! {
    plain server: Process,
    plain logging: Logging,
    plain bootstrap: Bootstrap,
    plain auth: Auth,
    plain storage: Storage,
    plain broker: anymq_broker::Config,
    door amqp: anymq_amqp::Config,
    door kafka: anymq_kafka::Config,
    door registry: anymq_registry::Config,
    door admin: anymq_admin::Config,
    door metrics: anymq_admin::MetricsConfig,
}

/// Splits `amqp.frame_max = 1 is not …` or `frame_max: …` into key and reason.
fn named(section: &str, text: &str) -> (String, String) {
    let end = text.find([' ', ':']).unwrap_or(text.len());
    let key = text[..end].trim_start_matches(section).trim_start_matches('.');
    (format!("{section}.{key}"), text[end..].trim_start_matches([':', ' ']).to_owned())
}

/// The addresses of this machine that only it can reach.
fn loopback() -> Vec<std::net::IpAddr> {
    vec![std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()]
}

impl Default for Settings {
    /// What `anymq serve` begins with: AMQP, Kafka and metrics on every interface, the admin API on this machine only, no schema registry.
    fn default() -> Self {
        let sockets = |port, tls_port| anymq_net::Config { port, tls_port, ..anymq_net::Config::default() };
        Settings {
            server: Process::default(),
            logging: Logging::default(),
            bootstrap: Bootstrap::default(),
            auth: Auth::default(),
            storage: Storage::default(),
            broker: anymq_broker::Config::default(),
            amqp: Door { listen: sockets(5672, 5671), door: Default::default() },
            kafka: Door { listen: sockets(9092, 9093), door: Default::default() },
            registry: Door {
                listen: anymq_net::Config { max_connections: 4_096, ..sockets(8081, 8082) },
                door: Default::default(),
            },
            admin: Door {
                listen: anymq_net::Config {
                    addresses: loopback(),
                    max_connections: 256,
                    ..sockets(15672, 15671)
                },
                door: Default::default(),
            },
            metrics: Door {
                listen: anymq_net::Config { max_connections: 256, ..sockets(15692, 15691) },
                door: Default::default(),
            },
        }
    }
}

impl Settings {
    /// What `anymq dev` begins with: everything on this machine only.
    pub fn dev() -> Self {
        let mut settings = Settings::default();
        settings.amqp.listen.addresses = loopback();
        settings.kafka.listen.addresses = loopback();
        settings.registry.listen.addresses = loopback();
        settings.registry.door.enabled = true;
        settings.metrics.listen.addresses = loopback();
        settings.logging.level = "warn".into();
        settings
    }

    /// Names the first key whose value makes no sense, and says why.
    pub fn validate(&self) -> Result<(), (String, String)> {
        let at =
            |section: &'static str| move |(key, reason): (&str, String)| (format!("{section}.{key}"), reason);
        if self.server.data_dir.as_os_str().is_empty() {
            return Err(at("server")(("data_dir", "is empty, must name a directory".into())));
        }
        if self.server.workers > 1024 {
            return Err(at("server")(("workers", format!("is {}, must be 0 to 1024", self.server.workers))));
        }
        if self.logging.level.parse::<tracing_subscriber::filter::Targets>().is_err() {
            let reason = format!("is {:?}, must be a level or levels by module", self.logging.level);
            return Err(at("logging")(("level", reason)));
        }
        for (key, value) in [
            ("user", &self.bootstrap.user),
            ("password", &self.bootstrap.password.0),
            ("vhost", &self.bootstrap.vhost),
        ] {
            if value.is_empty() || value.len() > 255 {
                return Err(at("bootstrap")((key, "must have 1 to 255 bytes".into())));
            }
        }
        self.auth.oauth2.validate().map_err(at("auth.oauth2"))?;
        self.storage.validate().map_err(at("storage"))?;
        self.broker.validate().map_err(|text| named("broker", &text))?;
        self.amqp.door.validate().map_err(|text| named("amqp", &text))?;
        self.kafka.door.validate().map_err(|text| named("kafka", &text))?;
        for (section, listen) in [
            ("amqp", &self.amqp.listen),
            ("kafka", &self.kafka.listen),
            ("registry", &self.registry.listen),
            ("admin", &self.admin.listen),
            ("metrics", &self.metrics.listen),
        ] {
            listen.validate().map_err(at(section))?;
        }
        if self.kafka.door.login_tls_port != 0 && self.kafka.listen.tls.is_none() {
            let reason = "is set and kafka.tls is not, so it would have no certificate";
            return Err(("kafka.login_tls_port".into(), reason.into()));
        }
        self.registry.door.validate().map_err(at("registry"))?;
        self.admin.door.validate().map_err(at("admin"))?;
        self.metrics.door.validate().map_err(at("metrics"))?;
        Ok(())
    }
}
