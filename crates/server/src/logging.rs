//! Log lines on standard error: pretty for people, JSON for machines; ids, never payloads or secrets.

use std::io::IsTerminal;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::colours;
use crate::config::{LogFormat, Logging};

/// The level, to change it while running.
pub(crate) struct Level {
    handle: reload::Handle<Targets, Registry>,
}

/// Starts logging. The level has been validated with the settings; one that has not is `info`.
pub(crate) fn init(logging: &Logging) -> Level {
    let (filter, handle) = reload::Layer::new(targets(&logging.level));
    let terminal = std::io::stderr().is_terminal();
    let json = match logging.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !terminal,
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match json {
        true => lines.json().flatten_event(true).boxed(),
        false => lines.with_ansi(terminal && colours()).boxed(),
    };
    // A second start in one process keeps the first logger.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    Level { handle }
}

impl Level {
    /// Changes the level.
    pub(crate) fn set(&self, level: &str) {
        match self.handle.reload(targets(level)) {
            Ok(()) => tracing::info!(level, "log level set"),
            Err(error) => tracing::error!(%error, "log level not set"),
        }
    }
}

fn targets(level: &str) -> Targets {
    level.parse().unwrap_or_else(|_| Targets::new().with_default(tracing::Level::INFO))
}
