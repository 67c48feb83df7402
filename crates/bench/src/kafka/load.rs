//! What is asked of a server: how many clients, which records, how fast, for how long.

use std::time::Duration;

use anyhow::{Result, ensure};
use anymq_batch::Codec;
use anymq_types::units;
use serde::{Deserialize, Serialize};

use crate::load::{self, CLIENTS_MAX, Plan, SIZE_MIN, Words};

const SIZE_MAX: u32 = 64 << 20;
const PARTITIONS_MAX: u32 = 10_000;
const IN_FLIGHT_MAX: u32 = 1_000;
/// What a server promises to keep in order for an idempotent producer.
const IDEMPOTENT_IN_FLIGHT_MAX: u32 = 5;
const FETCH_BYTES_MAX: u32 = 512 << 20;
/// Longest time to write what is there before the run.
const FILL_TIME_MAX: Duration = Duration::from_secs(3600);

/// One workload. The names of the flags are those of the keys in a file of cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Load {
    /// Producers, each to all partitions, with a connection to each server that leads some; 0: consume only
    #[arg(long, default_value_t = 1)]
    pub producers: u32,
    /// Consumers, who share the partitions, with a connection to each server that leads some; 0: produce only
    #[arg(long, default_value_t = 1)]
    pub consumers: u32,
    /// Partitions of the topic
    #[arg(long, default_value_t = 1)]
    pub partitions: u32,
    /// Replicas of each partition
    #[arg(long, default_value_t = 1)]
    pub replication: u16,
    /// Size of a record's value in bytes
    #[arg(long, default_value_t = 100)]
    pub size: u32,
    /// Size of a record's key in bytes; records with keys go to the partitions in turn, others batch by batch; 0: no key
    #[arg(long, default_value_t = 0)]
    pub key_size: u32,
    /// Records per second over all producers; 0: as fast as the server takes them
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    /// Who must have a record before it is acknowledged
    #[arg(long, value_enum, default_value_t = Acks::All)]
    pub acks: Acks,
    /// Compression of the batches; values are words, which lz4 makes about half as long
    #[arg(long, value_enum, default_value_t = Compression::None)]
    pub compression: Compression,
    /// Largest batch of one partition in bytes, before compression
    #[arg(long, default_value_t = 16_384)]
    pub batch_bytes: u32,
    /// How long a batch that is not full waits for more records
    #[arg(long, default_value = "0s", value_parser = units::parse_duration)]
    #[serde(with = "units::duration")]
    pub linger: Duration,
    /// Most produce requests of a connection without an answer
    #[arg(long, default_value_t = 5)]
    pub in_flight: u32,
    /// Producers with an id and sequence numbers
    #[arg(long)]
    pub idempotent: bool,
    /// Most records produced and not consumed yet, over all producers: they wait for the consumers; 0: no limit
    #[arg(long, default_value_t = 0)]
    pub backlog: u64,
    /// Least bytes that the server answers a fetch with before its wait is over
    #[arg(long, default_value_t = 1)]
    pub fetch_min_bytes: u32,
    /// Most bytes of an answer to a fetch
    #[arg(long, default_value_t = 50 << 20)]
    pub fetch_max_bytes: u32,
    /// Most bytes of one partition in it
    #[arg(long, default_value_t = 1 << 20)]
    pub fetch_partition_bytes: u32,
    /// Longest wait of a fetch for records
    #[arg(long, default_value = "500ms", value_parser = units::parse_duration)]
    #[serde(with = "units::duration")]
    pub fetch_wait: Duration,
    /// Consume what the topic has, not only what comes
    #[arg(long)]
    pub from_beginning: bool,
    /// Check the CRC of every batch that is consumed
    #[arg(long)]
    pub check_crc: bool,
    /// Records written to the topic before the run, unmeasured
    #[arg(long, default_value_t = 0)]
    pub fill: u64,
    /// Time measured
    #[arg(long, default_value = "10s", value_parser = units::parse_duration)]
    #[serde(with = "units::duration")]
    pub duration: Duration,
    /// Time before that which is not measured
    #[arg(long, default_value = "2s", value_parser = units::parse_duration)]
    #[serde(with = "units::duration")]
    pub warmup: Duration,
    /// Stop after this many records (produced, or consumed if there are no producers); 0: only after the duration, and if
    /// there are no producers after what was filled in
    #[arg(long, default_value_t = 0)]
    pub messages: u64,
}

/// Whose word a producer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Acks {
    /// Nobody's.
    #[serde(rename = "0")]
    #[value(name = "0")]
    None,
    /// The leader's.
    #[serde(rename = "1")]
    #[value(name = "1")]
    Leader,
    /// That of all replicas in sync.
    #[serde(rename = "all")]
    #[value(name = "all")]
    All,
}

impl Acks {
    /// On the wire.
    pub(crate) fn code(self) -> i16 {
        match self {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        }
    }
}

/// How batches are compressed, at the level that Kafka takes by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy in xerial's framing.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    pub(crate) fn codec(self) -> Codec {
        match self {
            Compression::None => Codec::None,
            Compression::Gzip => Codec::Gzip,
            Compression::Snappy => Codec::Snappy,
            Compression::Lz4 => Codec::Lz4,
            Compression::Zstd => Codec::Zstd,
        }
    }
}

impl Default for Load {
    fn default() -> Self {
        Load {
            producers: 1,
            consumers: 1,
            partitions: 1,
            replication: 1,
            size: 100,
            key_size: 0,
            rate: 0,
            acks: Acks::All,
            compression: Compression::None,
            batch_bytes: 16_384,
            linger: Duration::ZERO,
            in_flight: 5,
            idempotent: false,
            backlog: 0,
            fetch_min_bytes: 1,
            fetch_max_bytes: 50 << 20,
            fetch_partition_bytes: 1 << 20,
            fetch_wait: Duration::from_millis(500),
            from_beginning: false,
            check_crc: false,
            fill: 0,
            duration: Duration::from_secs(10),
            warmup: Duration::from_secs(2),
            messages: 0,
        }
    }
}

impl load::Load for Load {
    const WORDS: Words = Words {
        published: "produced",
        confirmed: "acknowledged",
        delivered: "consumed",
        latency: "produce to consume",
        confirm_latency: "produce to ack",
    };

    fn plan(&self) -> Plan {
        let all = self.producers == 0 && self.messages == 0;
        Plan {
            producers: self.producers,
            consumers: self.consumers,
            copies: 1,
            confirms: self.producers > 0 && self.acks != Acks::None,
            backlog: self.backlog,
            warmup: self.warmup,
            duration: self.duration,
            messages: if all { self.fill } else { self.messages },
            message_bytes: Some(u64::from(self.size) + u64::from(self.key_size)),
        }
    }

    fn at_rate(&self, rate: u64) -> Load {
        Load { rate, ..self.clone() }
    }

    fn before(&self) -> Option<Load> {
        (self.fill > 0).then(|| Load {
            producers: self.producers.max(1),
            consumers: 0,
            acks: Acks::All,
            rate: 0,
            backlog: 0,
            from_beginning: false,
            fill: 0,
            messages: self.fill,
            warmup: Duration::ZERO,
            duration: FILL_TIME_MAX,
            ..self.clone()
        })
    }

    fn validate(&self) -> Result<()> {
        ensure!((SIZE_MIN..=SIZE_MAX).contains(&self.size), "size is {SIZE_MIN} to {SIZE_MAX} bytes");
        ensure!(self.key_size <= SIZE_MAX, "key-size is at most {SIZE_MAX} bytes");
        ensure!((1..=SIZE_MAX).contains(&self.batch_bytes), "batch-bytes is 1 to {SIZE_MAX}");
        ensure!(self.producers + self.consumers > 0, "neither producers nor consumers");
        ensure!(self.producers <= CLIENTS_MAX, "producers is at most {CLIENTS_MAX}");
        ensure!(
            (1..=PARTITIONS_MAX).contains(&self.partitions),
            "partitions is at least 1 and at most {PARTITIONS_MAX}"
        );
        ensure!(
            self.consumers <= self.partitions,
            "consumers share the partitions: there are at most as many"
        );
        ensure!((1..=IN_FLIGHT_MAX).contains(&self.in_flight), "in-flight is 1 to {IN_FLIGHT_MAX}");
        if self.idempotent {
            ensure!(self.acks == Acks::All, "an idempotent producer waits for all acks");
            ensure!(
                self.in_flight <= IDEMPOTENT_IN_FLIGHT_MAX,
                "an idempotent producer has at most {IDEMPOTENT_IN_FLIGHT_MAX} requests in flight"
            );
        }
        let bytes = [self.fetch_min_bytes, self.fetch_max_bytes, self.fetch_partition_bytes];
        ensure!(
            bytes.iter().all(|bytes| *bytes <= FETCH_BYTES_MAX),
            "a fetch is at most {FETCH_BYTES_MAX} bytes"
        );
        ensure!(self.fetch_wait <= Duration::from_secs(60), "fetch-wait is at most 60 s");
        ensure!(self.backlog == 0 || self.consumers > 0, "a bounded backlog needs consumers");
        ensure!(self.duration > Duration::ZERO, "duration is more than 0");
        if self.from_beginning {
            ensure!(
                self.producers == 0 && self.consumers > 0,
                "from-beginning is for a run that only consumes"
            );
        }
        ensure!(
            self.fill == 0 || self.producers > 0 || self.from_beginning,
            "what was filled in is consumed from-beginning"
        );
        Ok(())
    }

    fn describe(&self) -> String {
        let Load { producers, consumers, partitions, size, key_size, backlog, batch_bytes, .. } = self;
        let mut words = vec![format!("{producers} to {consumers}"), format!("{size} B")];
        let mut add = |yes: bool, word: String| {
            if yes {
                words.push(word);
            }
        };
        let produces = *producers > 0;
        add(*key_size > 0, format!("keys of {key_size} B"));
        add(*partitions > 1, format!("{partitions} partitions"));
        add(self.replication > 1, format!("{} replicas", self.replication));
        add(produces, format!("acks {}", ["all", "0", "1"][(self.acks.code() + 1) as usize]));
        add(self.compression != Compression::None, self.compression.codec().name().to_owned());
        add(produces, format!("batches of {batch_bytes} B"));
        add(produces && !self.linger.is_zero(), format!("linger {:?}", self.linger));
        add(produces && self.acks != Acks::None, format!("{} in flight", self.in_flight));
        add(self.idempotent, "idempotent".to_owned());
        add(*backlog > 0, format!("backlog at most {backlog}"));
        add(self.check_crc, "CRC checked".to_owned());
        add(self.fill > 0, format!("{} there before", self.fill));
        add(self.rate > 0, format!("{} msg/s", self.rate));
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::load::Load as _;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        load: Load,
    }

    #[test]
    fn flags_and_keys_have_the_same_defaults() {
        let flags = Flags::try_parse_from(["bench"]).expect("no flag is required");
        assert_eq!(flags.load, Load::default());
        assert_eq!(toml::from_str::<Load>("").expect("no key is required"), Load::default());
    }

    #[test]
    fn flags_and_keys_have_the_same_words() {
        let flags =
            "bench --acks 1 --compression zstd --linger 5ms --key-size 16 --fetch-wait 1s --idempotent";
        let flags = Flags::try_parse_from(flags.split(' ')).expect("valid flags");
        let keys = "acks = '1'\ncompression = 'zstd'\nlinger = '5ms'\nkey-size = 16\nfetch-wait = '1s'\nidempotent = true";
        assert_eq!(toml::from_str::<Load>(keys).expect("valid keys"), flags.load);
        let acks: Vec<i16> = [Acks::None, Acks::Leader, Acks::All].map(Acks::code).to_vec();
        assert_eq!(acks, [0, 1, -1]);
    }

    #[test]
    fn unusable_loads_are_refused() {
        let check = |toml: &str, expected: &str| {
            let load: Load = toml::from_str(toml).expect("valid keys");
            let outcome = load.validate().map_or_else(|error| error.to_string(), |()| String::new());
            assert!(
                outcome.contains(expected) && outcome.is_empty() == expected.is_empty(),
                "{toml}: {outcome}"
            );
        };
        check("", "");
        check("size = 7", "size is 8");
        check("producers = 0\nconsumers = 0", "neither");
        check("consumers = 2", "share the partitions");
        check("consumers = 2\npartitions = 2", "");
        check("partitions = 0", "partitions is at least 1");
        check("partitions = 10001", "at most 10000");
        check("in-flight = 0", "in-flight");
        check("idempotent = true\nacks = '1'", "waits for all acks");
        check("idempotent = true\nin-flight = 6", "at most 5");
        check("fetch-max-bytes = 1000000000", "a fetch is at most");
        check("fetch-wait = '2m'", "fetch-wait");
        check("duration = '0s'", "duration");
        check("backlog = 5\nconsumers = 0", "needs consumers");
        check("from-beginning = true", "only consumes");
        check("fill = 1\nproducers = 0", "from-beginning");
        check("fill = 1\nproducers = 0\nfrom-beginning = true", "");
    }

    #[test]
    fn what_is_consumed_only_is_written_before_and_ends_the_run() {
        let load = Load { producers: 0, from_beginning: true, fill: 500, size: 9, ..Load::default() };
        let before = load.before().expect("there is something to write");
        before.validate().expect("it can be run");
        assert_eq!((before.producers, before.consumers, before.messages, before.size), (1, 0, 500, 9));
        assert!(before.before().is_none());
        assert_eq!(load.plan().messages, 500);
        assert_eq!(Load { messages: 7, ..load }.plan().messages, 7);
        assert_eq!(Load { fill: 500, ..Load::default() }.plan().messages, 0);
    }

    #[test]
    fn a_load_is_told_in_a_few_words() {
        assert_eq!(Load::default().describe(), "1 to 1, 100 B, acks all, batches of 16384 B, 5 in flight");
        let load = Load {
            partitions: 8,
            key_size: 4,
            acks: Acks::None,
            compression: Compression::Lz4,
            linger: Duration::from_millis(5),
            rate: 7,
            ..Load::default()
        };
        assert_eq!(
            load.describe(),
            "1 to 1, 100 B, keys of 4 B, 8 partitions, acks 0, lz4, batches of 16384 B, linger 5ms, 7 msg/s"
        );
    }
}
