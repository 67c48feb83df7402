//! Kafka: record batches to the partitions of a topic, and out of them.

mod batches;
mod connection;
mod consumer;
mod content;
mod control;
mod load;
mod producer;
mod target;
mod topic;

pub use load::{Acks, Compression, Load};

use anyhow::{Result, ensure};

use crate::args::{self, Runs};
use crate::run::{self, Names, Protocol, Site, share};
use crate::schedule::Schedule;
use consumer::Consumer;
use control::{Control, EARLIEST, LATEST};
use producer::Producer;
use target::Target;
use topic::Topic;

/// Measure a Kafka server: rates, latencies, CPU and memory
#[derive(Clone, Debug, clap::Args)]
pub struct KafkaBench {
    /// kafka://host:port, or kafka://user:password@host:port to log in with SASL PLAIN
    pub url: String,
    /// What to ask of the server.
    #[command(flatten)]
    pub load: Load,
    /// Begin the name of the topic with this, instead of one of a kind
    #[arg(long)]
    pub topic_prefix: Option<String>,
    /// How often, beside whom, how to tell it.
    #[command(flatten)]
    pub runs: Runs,
}

impl KafkaBench {
    /// Runs the benchmark and prints what was measured to stdout, progress to stderr.
    ///
    /// # Errors
    /// A bad description, a server that cannot be reached or that refuses something.
    pub fn run(&self) -> Result<()> {
        args::run::<Kafka>(&self.url, &self.load, self.topic_prefix.as_deref(), &self.runs)
    }
}

/// The protocol.
#[derive(Debug)]
pub(crate) enum Kafka {}

fn topic_name(names: &Names) -> String {
    format!("{}-topic", names.prefix)
}

/// All partitions.
fn all(load: &Load) -> Vec<u32> {
    (0..load.partitions).collect()
}

impl Protocol for Kafka {
    type Load = Load;
    type Target = Target;
    type Ground = Topic;
    type Producer = Producer;
    type Consumer = Consumer;

    fn target(url: &str) -> Result<Target> {
        Target::parse(url)
    }

    fn set_up(target: &Target, load: &Load, names: &Names) -> Result<Topic> {
        let name = topic_name(names);
        Control::open_controller(target)?.create_topic(&name, load.partitions, load.replication)?;
        let topic = Control::open(target)?.topic(&name)?;
        let has = topic.leaders.len();
        ensure!(
            has == load.partitions as usize,
            "topic {name} is there already and has {has} partitions, not {}",
            load.partitions
        );
        for (node, partitions) in topic.by_leader(&all(load)) {
            Control::open_node(node, target)?.offsets(&name, &partitions, LATEST)?;
        }
        Ok(topic)
    }

    fn consumers(site: &Site<'_, Self>) -> Result<Vec<Consumer>> {
        let Site { target, load, ground: topic, .. } = *site;
        let mut consumers = Vec::new();
        for index in 0..load.consumers {
            for (node, partitions) in topic.by_leader(&share(index, load.consumers, load.partitions)) {
                let mut control = Control::open_node(node, target)?;
                let from = if load.from_beginning { EARLIEST } else { LATEST };
                let offsets = control.offsets(&topic.name, &partitions, from)?;
                let connection = control.into_connection()?;
                consumers.push(Consumer::new(connection, load, topic, &partitions, &offsets)?);
            }
        }
        Ok(consumers)
    }

    fn producers(site: &Site<'_, Self>) -> Result<Vec<Producer>> {
        let Site { target, load, ground: topic, .. } = *site;
        let mut parts = Vec::new();
        for _ in 0..load.producers {
            parts.extend(topic.by_leader(&all(load)));
        }
        let count = parts.len() as u32;
        let mut producers = Vec::new();
        for (index, (node, partitions)) in (0..count).zip(parts) {
            let mut control = Control::open_node(node, target)?;
            let id = if load.idempotent { Some(control.producer_id()?) } else { None };
            let (limit, schedule) =
                (run::limit(load.messages, index, count), Schedule::share(load.rate, index, count));
            let to = (topic, &partitions[..]);
            producers.push(Producer::new(control.into_connection()?, load, to, id, limit, schedule)?);
        }
        Ok(producers)
    }

    fn clear_away(target: &Target, _: &Load, names: &Names) -> Result<()> {
        Control::open_controller(target)?.delete_topic(&topic_name(names))
    }
}

#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
