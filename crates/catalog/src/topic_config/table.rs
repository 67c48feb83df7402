//! Every setting of topics.

use super::key::Set::{Flag, Number, Ratio, Word, Words};
use super::key::Shape::{AnyOf, Boolean, GzipLevel, Int, Long, OneOf, Ratio as Share, Replicas};
use super::key::Standing::{Done, Fixed, Moot};
use super::key::{Key, Shape, Standing};
use super::settings::{Cleanup, CompressionType, TimestampType};
use crate::schema_rules::SubjectNaming;

const INT_MAX: i64 = i32::MAX as i64;
const FOREVER: &str = "9223372036854775807";

const NO_REPLICAS: &str = "a partition has one replica, between which nothing is copied";
const SYNCED: &str = "every message is on disk before its producer is answered";
const NO_TIERS: &str = "there is no remote storage";
const NO_FILES: &str = "a partition has no files of its own: its messages stand in the one journal";

const fn key(
    name: &'static str,
    default: &'static str,
    shape: Shape,
    standing: Standing,
    doc: &'static str,
) -> Key {
    Key { name, default, shape, broker_name: None, broker_fallback: None, standing, doc }
}

impl Key {
    const fn from(mut self, broker_name: &'static str) -> Key {
        self.broker_name = Some(broker_name);
        self
    }

    const fn or(mut self, name: &'static str, value: &'static str) -> Key {
        self.broker_fallback = Some((name, value));
        self
    }
}

/// Every setting, by name.
pub static KEYS: &[Key] = &[
    key("cleanup.policy", "delete", AnyOf(&["compact", "delete"]),
        Done(Words(|s, words| s.cleanup = Cleanup::read(words))),
        "What becomes of old messages: `delete` drops them by age and size, `compact` keeps the last of each key; both may be given. With neither they are kept.")
        .from("log.cleanup.policy"),
    key("compression.gzip.level", "-1", GzipLevel,
        Done(Number(|s, level| s.gzip_level = u8::try_from(level).ok())),
        "How hard gzip tries if compression.type is gzip; -1 is its own default.")
        .from("compression.gzip.level"),
    key("compression.lz4.level", "9", Int { min: 1, max: 17 },
        Fixed("lz4 has one level here"),
        "How hard lz4 tries if compression.type is lz4. There is one level.")
        .from("compression.lz4.level"),
    key("compression.type", "producer", OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        Done(Word(|s, word| s.compression = CompressionType::read(word))),
        "How batches are stored: `producer` leaves them as they come, any other compresses them anew.")
        .from("compression.type"),
    key("compression.zstd.level", "3", Int { min: -131_072, max: 22 },
        Done(Number(|s, level| s.zstd_level = level as i32)),
        "How hard zstd tries if compression.type is zstd.")
        .from("compression.zstd.level"),
    key("confluent.key.schema.validation", "false", Boolean, Done(Flag(|s, on| s.schema_validation.0 = on)),
        "Whether keys must be of a schema that is registered under their subject; a message without a key is taken."),
    key("confluent.key.subject.name.strategy", SubjectNaming::CLASSES[0], OneOf(&SubjectNaming::CLASSES),
        Done(Word(|s, word| s.subject_naming.0 = naming(word))),
        "How the subject of a key's schema is named."),
    key("confluent.value.schema.validation", "false", Boolean, Done(Flag(|s, on| s.schema_validation.1 = on)),
        "Whether values must be of a schema that is registered under their subject; a message without a value is taken."),
    key("confluent.value.subject.name.strategy", SubjectNaming::CLASSES[0], OneOf(&SubjectNaming::CLASSES),
        Done(Word(|s, word| s.subject_naming.1 = naming(word))),
        "How the subject of a value's schema is named."),
    key("delete.retention.ms", "86400000", Long { min: 0 },
        Done(Number(|s, ms| s.delete_retention_ms = ms.unsigned_abs())),
        "How long a compacted topic keeps the mark of a deleted key: a reader that begins at the first message has so long to see it.")
        .from("log.cleaner.delete.retention.ms"),
    key("file.delete.delay.ms", "60000", Long { min: 0 }, Moot(NO_FILES),
        "How long files of dropped messages stay.")
        .from("log.segment.delete.delay.ms"),
    key("flush.messages", FOREVER, Long { min: 1 }, Moot(SYNCED),
        "After how many messages the disk is synced. It is synced for every one.")
        .from("log.flush.interval.messages"),
    key("flush.ms", FOREVER, Long { min: 0 }, Moot(SYNCED),
        "After what time the disk is synced. It is synced for every message.")
        .from("log.flush.interval.ms")
        .or("log.flush.scheduler.interval.ms", FOREVER),
    key("follower.replication.throttled.replicas", "", Replicas, Moot(NO_REPLICAS),
        "Replicas that copy no faster than allowed."),
    key("index.interval.bytes", "4096", Int { min: 0, max: INT_MAX }, Moot(NO_FILES),
        "How far entries of the offset index lie apart.")
        .from("log.index.interval.bytes"),
    key("leader.replication.throttled.replicas", "", Replicas, Moot(NO_REPLICAS),
        "Replicas that are copied from no faster than allowed."),
    key("local.retention.bytes", "-2", Long { min: -2 }, Moot(NO_TIERS),
        "How much of a partition stays local when it is in remote storage as well.")
        .from("log.local.retention.bytes"),
    key("local.retention.ms", "-2", Long { min: -2 }, Moot(NO_TIERS),
        "How long messages stay local when they are in remote storage as well.")
        .from("log.local.retention.ms"),
    key("max.compaction.lag.ms", FOREVER, Long { min: 1 },
        Done(Number(|s, ms| s.max_compaction_lag_ms = ms.unsigned_abs())),
        "After what time a message of a compacted topic is compacted, however few there are.")
        .from("log.cleaner.max.compaction.lag.ms"),
    key("max.message.bytes", "1048588", Int { min: 0, max: INT_MAX },
        Done(Number(|s, bytes| s.max_message_bytes = bytes as u32)),
        "The largest batch, compressed as it is stored.")
        .from("message.max.bytes"),
    key("message.timestamp.after.max.ms", "3600000", Long { min: 0 },
        Done(Number(|s, ms| s.timestamp_after_max_ms = ms.unsigned_abs())),
        "How far in the future the time may lie that a producer gives a message. Not asked with LogAppendTime.")
        .from("log.message.timestamp.after.max.ms"),
    key("message.timestamp.before.max.ms", FOREVER, Long { min: 0 },
        Done(Number(|s, ms| s.timestamp_before_max_ms = ms.unsigned_abs())),
        "How far in the past the time may lie that a producer gives a message. Not asked with LogAppendTime.")
        .from("log.message.timestamp.before.max.ms"),
    key("message.timestamp.difference.max.ms", FOREVER, Long { min: 0 },
        Done(Number(|s, ms| {
            s.timestamp_before_max_ms = s.timestamp_before_max_ms.min(ms.unsigned_abs());
            s.timestamp_after_max_ms = s.timestamp_after_max_ms.min(ms.unsigned_abs());
        })),
        "How far in the past and in the future the time may lie that a producer gives a message, as clients of Kafka before 3.6 say it: a bound beside those for either.")
        .from("log.message.timestamp.difference.max.ms"),
    key("message.timestamp.type", "CreateTime", OneOf(&["CreateTime", "LogAppendTime"]),
        Done(Word(|s, word| s.timestamp_type = TimestampType::read(word))),
        "Whether a message has the time its producer gave it or that at which the broker took it.")
        .from("log.message.timestamp.type"),
    key("min.cleanable.dirty.ratio", "0.5", Share,
        Done(Ratio(|s, ratio| s.min_cleanable_dirty_ratio = ratio)),
        "Which share of a compacted topic must not have been compacted yet for compaction to begin.")
        .from("log.cleaner.min.cleanable.ratio"),
    key("min.compaction.lag.ms", "0", Long { min: 0 },
        Done(Number(|s, ms| s.min_compaction_lag_ms = ms.unsigned_abs())),
        "How long a message of a compacted topic stays as it is.")
        .from("log.cleaner.min.compaction.lag.ms"),
    key("min.insync.replicas", "1", Int { min: 1, max: INT_MAX }, Moot(NO_REPLICAS),
        "How many replicas must have a message before its producer is answered: all there are, if that is less.")
        .from("min.insync.replicas"),
    key("preallocate", "false", Boolean, Moot(NO_FILES),
        "Whether files get their size when they are made.")
        .from("log.preallocate"),
    key("remote.log.copy.disable", "false", Boolean, Moot(NO_TIERS),
        "Whether nothing more is copied to remote storage."),
    key("remote.log.delete.on.disable", "false", Boolean, Moot(NO_TIERS),
        "Whether turning remote storage off deletes what is there."),
    key("remote.storage.enable", "false", Boolean, Fixed(NO_TIERS),
        "Whether old messages are copied to remote storage."),
    key("retention.bytes", "-1", Long { min: i64::MIN },
        Done(Number(|s, bytes| s.retention_bytes = u64::try_from(bytes).ok())),
        "How much each partition keeps, if cleanup.policy has delete; negative is no limit.")
        .from("log.retention.bytes"),
    key("retention.ms", "604800000", Long { min: -1 },
        Done(Number(|s, ms| s.retention_ms = u64::try_from(ms).ok())),
        "How long messages are kept, if cleanup.policy has delete; -1 is no limit.")
        .from("log.retention.ms")
        .or("log.retention.hours", "168"),
    key("segment.bytes", "1073741824", Int { min: 1 << 20, max: INT_MAX },
        Done(Number(|s, bytes| s.segment_bytes = bytes.unsigned_abs())),
        "The newest messages of a partition, up to so many bytes, are left alone by compaction.")
        .from("log.segment.bytes"),
    key("segment.index.bytes", "10485760", Int { min: 4, max: INT_MAX }, Moot(NO_FILES),
        "How large an offset index may be.")
        .from("log.index.size.max.bytes"),
    key("segment.jitter.ms", "0", Long { min: 0 }, Moot(NO_FILES),
        "How much earlier than segment.ms a segment may end, so that not all end at once.")
        .from("log.roll.jitter.ms")
        .or("log.roll.jitter.hours", "0"),
    key("segment.ms", "604800000", Long { min: 1 },
        Done(Number(|s, ms| s.segment_ms = ms.unsigned_abs())),
        "Messages that are older are not spared by segment.bytes.")
        .from("log.roll.ms")
        .or("log.roll.hours", "168"),
    key("unclean.leader.election.enable", "false", Boolean, Moot(NO_REPLICAS),
        "Whether a replica that is behind may lead when no other is left.")
        .from("unclean.leader.election.enable"),
];

fn naming(word: &str) -> SubjectNaming {
    SubjectNaming::named(word).unwrap_or_default()
}
