//! What is asked of a server: how many clients, which messages, how fast, for how long.

use std::time::Duration;

use anyhow::{Result, ensure};
use anymq_types::units;
use serde::{Deserialize, Serialize};

use crate::load::{self, CLIENTS_MAX, Plan, SIZE_MIN, Words};

const SIZE_MAX: u32 = 128 << 20;
const CONFIRM_MAX: u32 = 1 << 20;

/// One workload. The names of the flags are those of the keys in a file of cases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Load {
    /// Connections that publish
    #[arg(long, default_value_t = 1)]
    pub producers: u32,
    /// Connections that consume
    #[arg(long, default_value_t = 1)]
    pub consumers: u32,
    /// Queues; producers and consumers are spread over them
    #[arg(long, default_value_t = 1)]
    pub queues: u32,
    /// Publish to a fanout exchange that all queues are bound to
    #[arg(long)]
    pub fanout: bool,
    /// Queue type
    #[arg(long, value_enum, default_value_t = QueueType::Classic)]
    pub queue_type: QueueType,
    /// Durable queues and exchange
    #[arg(long)]
    pub durable: bool,
    /// Persistent messages
    #[arg(long)]
    pub persistent: bool,
    /// Body size in bytes
    #[arg(long, default_value_t = 100)]
    pub size: u32,
    /// Messages per second over all producers; 0: as fast as the server takes them
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    /// Publisher confirms, with at most this many outstanding per producer; 0: no confirms
    #[arg(long, default_value_t = 0, value_name = "WINDOW")]
    pub confirm: u32,
    /// Most messages published and not delivered yet, over all producers: publishers wait for the consumers; 0: no limit
    #[arg(long, default_value_t = 0)]
    pub backlog: u64,
    /// Consume without acknowledgements
    #[arg(long)]
    pub auto_ack: bool,
    /// Acknowledge all messages of one read at once, not each
    #[arg(long)]
    pub ack_multiple: bool,
    /// Most unacknowledged messages per consumer; 0: no limit
    #[arg(long, default_value_t = 1000)]
    pub prefetch: u16,
    /// Time measured
    #[arg(long, default_value = "10s", value_parser = units::parse_duration)]
    #[serde(with = "units::duration")]
    pub duration: Duration,
    /// Time before that which is not measured
    #[arg(long, default_value = "2s", value_parser = units::parse_duration)]
    #[serde(with = "units::duration")]
    pub warmup: Duration,
    /// Stop after this many messages (published, or consumed if there are no producers); 0: only after the duration
    #[arg(long, default_value_t = 0)]
    pub messages: u64,
}

/// `x-queue-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum QueueType {
    /// The default one.
    Classic,
    /// Replicated; always durable.
    Quorum,
    /// Kept after consumption; always durable.
    Stream,
}

impl QueueType {
    pub(crate) fn name(self) -> &'static str {
        match self {
            QueueType::Classic => "classic",
            QueueType::Quorum => "quorum",
            QueueType::Stream => "stream",
        }
    }
}

impl Default for Load {
    fn default() -> Self {
        Load {
            producers: 1,
            consumers: 1,
            queues: 1,
            fanout: false,
            queue_type: QueueType::Classic,
            durable: false,
            persistent: false,
            size: 100,
            rate: 0,
            confirm: 0,
            backlog: 0,
            auto_ack: false,
            ack_multiple: false,
            prefetch: 1000,
            duration: Duration::from_secs(10),
            warmup: Duration::from_secs(2),
            messages: 0,
        }
    }
}

impl load::Load for Load {
    const WORDS: Words = Words {
        published: "published",
        confirmed: "confirmed",
        delivered: "delivered",
        latency: "publish to deliver",
        confirm_latency: "publish to confirm",
    };

    fn plan(&self) -> Plan {
        Plan {
            producers: self.producers,
            consumers: self.consumers,
            copies: if self.fanout { self.queues.into() } else { 1 },
            confirms: self.confirm > 0,
            backlog: self.backlog,
            warmup: self.warmup,
            duration: self.duration,
            messages: self.messages,
            message_bytes: None,
        }
    }

    fn at_rate(&self, rate: u64) -> Load {
        Load { rate, ..self.clone() }
    }

    fn validate(&self) -> Result<()> {
        ensure!((SIZE_MIN..=SIZE_MAX).contains(&self.size), "size is {SIZE_MIN} to {SIZE_MAX} bytes");
        ensure!(self.producers + self.consumers > 0, "neither producers nor consumers");
        for (name, count) in
            [("producers", self.producers), ("consumers", self.consumers), ("queues", self.queues)]
        {
            ensure!(count <= CLIENTS_MAX, "{name} is at most {CLIENTS_MAX}");
        }
        ensure!(self.queues > 0, "queues is at least 1");
        ensure!(self.confirm <= CONFIRM_MAX, "confirm is at most {CONFIRM_MAX}");
        ensure!(self.backlog == 0 || self.consumers > 0, "a bounded backlog needs consumers");
        ensure!(self.duration > Duration::ZERO, "duration is more than 0");
        let durable = self.durable || self.queue_type == QueueType::Classic;
        ensure!(durable, "a {} queue is durable: add --durable", self.queue_type.name());
        if self.queue_type == QueueType::Stream && self.consumers > 0 {
            ensure!(!self.auto_ack && self.prefetch > 0, "a stream is consumed with acks and a prefetch");
        }
        ensure!(!(self.auto_ack && self.ack_multiple), "auto-ack and ack-multiple exclude each other");
        Ok(())
    }

    /// In a few words: `1 to 1, 100 B, persistent, durable, confirm 1000`.
    fn describe(&self) -> String {
        let Load { producers, consumers, queues, size, confirm, backlog, prefetch, .. } = self;
        let mut words = vec![format!("{producers} to {consumers}"), format!("{size} B")];
        let mut add = |yes: bool, word: String| {
            if yes {
                words.push(word);
            }
        };
        add(*queues > 1 && !self.fanout, format!("{queues} queues"));
        add(self.fanout, format!("fan-out to {queues}"));
        add(self.queue_type != QueueType::Classic, self.queue_type.name().to_owned());
        add(self.durable, "durable".to_owned());
        add(self.persistent, "persistent".to_owned());
        add(*confirm > 0, format!("confirm {confirm}"));
        add(*backlog > 0, format!("backlog at most {backlog}"));
        add(*consumers > 0 && self.auto_ack, "auto-ack".to_owned());
        add(*consumers > 0 && !self.auto_ack, format!("ack, prefetch {prefetch}"));
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
        check("queue-type = 'quorum'", "a quorum queue is durable");
        check("queue-type = 'quorum'\ndurable = true", "");
        check("queue-type = 'stream'\ndurable = true\nauto-ack = true", "a stream is consumed with acks");
        check("auto-ack = true\nack-multiple = true", "exclude each other");
        check("duration = '0s'", "duration");
        check("queues = 0", "queues is at least 1");
        check("backlog = 5\nconsumers = 0", "needs consumers");
    }

    #[test]
    fn a_load_is_told_in_a_few_words() {
        assert_eq!(Load::default().describe(), "1 to 1, 100 B, ack, prefetch 1000");
        let load = Load { fanout: true, queues: 10, confirm: 5, rate: 7, consumers: 0, ..Load::default() };
        assert_eq!(load.describe(), "1 to 0, 100 B, fan-out to 10, confirm 5, 7 msg/s");
    }
}
