//! What the settings of one topic come to.

use super::broker::merged;
use super::error::ConfigError;
use super::{BrokerSettings, Config};
use crate::schema_rules::{SchemaRules, SubjectNaming};

/// What becomes of old messages. With neither, they are kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// They are dropped by age and size.
    pub delete: bool,
    /// The last of each key is kept.
    pub compact: bool,
}

/// How batches are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionType {
    /// As their producer compressed them.
    Producer,
    /// Not compressed.
    Uncompressed,
    /// Compressed with gzip.
    Gzip,
    /// Compressed with snappy.
    Snappy,
    /// Compressed with lz4.
    Lz4,
    /// Compressed with zstd.
    Zstd,
}

/// Which time a message has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The one that its producer gave.
    Create,
    /// The one at which the broker took it.
    LogAppend,
}

/// What the settings of a topic come to: those that do something. Times in milliseconds, sizes in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSettings {
    /// `cleanup.policy`
    pub cleanup: Cleanup,
    /// `retention.ms`: `None` keeps messages however old.
    pub retention_ms: Option<u64>,
    /// `retention.bytes`, of each partition: `None` keeps messages however many.
    pub retention_bytes: Option<u64>,
    /// `segment.bytes`: the newest messages, up to so many bytes, are not compacted.
    pub segment_bytes: u64,
    /// `segment.ms`: nor those younger than this.
    pub segment_ms: u64,
    /// `delete.retention.ms`: a compacted topic keeps the mark of a deleted key at least so long.
    pub delete_retention_ms: u64,
    /// `min.compaction.lag.ms`: messages are not compacted before they are so old.
    pub min_compaction_lag_ms: u64,
    /// `max.compaction.lag.ms`: messages are compacted once they are so old, whatever the dirty ratio.
    pub max_compaction_lag_ms: u64,
    /// `min.cleanable.dirty.ratio`, 0 to 1: the share of messages not yet compacted that makes compaction worth it.
    pub min_cleanable_dirty_ratio: f64,
    /// `max.message.bytes`: the largest batch, as stored.
    pub max_message_bytes: u32,
    /// `message.timestamp.type`
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a message's time may lie in the past.
    pub timestamp_before_max_ms: u64,
    /// `message.timestamp.after.max.ms`: how far a message's time may lie in the future.
    pub timestamp_after_max_ms: u64,
    /// `compression.type`
    pub compression: CompressionType,
    /// `compression.gzip.level`, 1 to 9; `None` is gzip's own default.
    pub gzip_level: Option<u8>,
    /// `compression.zstd.level`, −131072 to 22.
    pub zstd_level: i32,
    /// `confluent.key.schema.validation` and `confluent.value.schema.validation`: keys, values are of a schema of the registry.
    pub schema_validation: (bool, bool),
    /// `confluent.key.subject.name.strategy` and `confluent.value.subject.name.strategy`
    pub subject_naming: (SubjectNaming, SubjectNaming),
}

impl Default for TopicSettings {
    fn default() -> Self {
        TopicSettings {
            cleanup: Cleanup { delete: true, compact: false },
            retention_ms: Some(604_800_000),
            retention_bytes: None,
            segment_bytes: 1 << 30,
            segment_ms: 604_800_000,
            delete_retention_ms: 86_400_000,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX as u64,
            min_cleanable_dirty_ratio: 0.5,
            max_message_bytes: 1_048_588,
            timestamp_type: TimestampType::Create,
            timestamp_before_max_ms: i64::MAX as u64,
            timestamp_after_max_ms: 3_600_000,
            compression: CompressionType::Producer,
            gzip_level: None,
            zstd_level: 3,
            schema_validation: (false, false),
            subject_naming: Default::default(),
        }
    }
}

impl TopicSettings {
    /// What a topic's settings come to over those of the broker, and these over Kafka's defaults. That each value fits is checked;
    /// whether they go together is not, because the broker's may change after the topic's were set.
    pub fn resolve(config: &Config, broker: &BrokerSettings) -> Result<TopicSettings, ConfigError> {
        let mut settings = TopicSettings::default();
        for (name, value) in merged(broker, config) {
            let key = super::find(name).ok_or_else(|| ConfigError::unknown(name))?;
            key.apply(&mut settings, value)?;
        }
        Ok(settings)
    }
}

impl TopicSettings {
    /// What must be written with a schema.
    pub fn schema_rules(&self) -> SchemaRules {
        let ((key, value), (of_key, of_value)) = (self.schema_validation, self.subject_naming);
        SchemaRules { key: key.then_some(of_key), value: value.then_some(of_value) }
    }
}

impl Cleanup {
    pub(super) fn read(words: &[&str]) -> Cleanup {
        Cleanup { delete: words.contains(&"delete"), compact: words.contains(&"compact") }
    }
}

impl CompressionType {
    pub(super) fn read(word: &str) -> CompressionType {
        match word {
            "uncompressed" => CompressionType::Uncompressed,
            "gzip" => CompressionType::Gzip,
            "snappy" => CompressionType::Snappy,
            "lz4" => CompressionType::Lz4,
            "zstd" => CompressionType::Zstd,
            _ => CompressionType::Producer,
        }
    }
}

impl TimestampType {
    pub(super) fn read(word: &str) -> TimestampType {
        if word == "LogAppendTime" { TimestampType::LogAppend } else { TimestampType::Create }
    }
}
