//! The settings of a topic: which there are, what they may be, and what they come to.
//!
//! Names, types, defaults and valid values are those of Kafka 4.2 (`TopicConfig`, `LogConfig`; checked against a running broker), and
//! so is the wording of what is refused, because clients show it and tests match on it. [`KEYS`] is the table; each row says whether
//! the setting does something ([`Standing::Done`]), has nothing to act on in a single node that syncs every write ([`Standing::Moot`]),
//! or can only be what it is by default ([`Standing::Fixed`]). [`TopicSettings`] is what the settings of one topic come to
//! over those of the broker, [`BrokerSettings`].

mod broker;
mod error;
mod key;
mod settings;
mod table;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use broker::{BrokerSettings, Layer, PARAMETER, find as find_of_broker};
pub use error::{ConfigError, Fault};
pub use key::{Key, Shape, Standing, Type, VALUE_BYTES_MAX};
pub use settings::{Cleanup, CompressionType, TimestampType, TopicSettings};
pub use table::KEYS;

/// Settings, by name.
pub type Config = BTreeMap<Arc<str>, Arc<str>>;

/// The setting with that name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.binary_search_by(|key| key.name.cmp(name)).ok().map(|at| &KEYS[at])
}

/// Whether a topic may be set so, as a whole, over what is set for the broker.
pub fn validate(config: &Config, broker: &BrokerSettings) -> Result<(), ConfigError> {
    let settings = TopicSettings::resolve(config, broker)?;
    let (min, max) = (settings.min_compaction_lag_ms, settings.max_compaction_lag_ms);
    if min > max { Err(ConfigError::LagsCross { min, max }) } else { Ok(()) }
}
