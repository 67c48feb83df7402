//! AMQP 0-9-1: queues, confirms, acknowledgements.

mod connection;
mod consumer;
mod control;
mod load;
mod producer;
mod target;

pub use load::{Load, QueueType};

use anyhow::Result;

use crate::args::{self, Runs};
use crate::run::{self, Names, Protocol, Site, share};
use consumer::Consumer;
use control::Control;
use producer::Producer;
use target::Target;

/// Measure an AMQP 0-9-1 server: rates, latencies, CPU and memory
#[derive(Clone, Debug, clap::Args)]
pub struct AmqpBench {
    /// amqp://user:password@host:port/vhost
    pub url: String,
    /// What to ask of the server.
    #[command(flatten)]
    pub load: Load,
    /// Begin the names of queues and exchange with this, instead of one of a kind
    #[arg(long)]
    pub queue_prefix: Option<String>,
    /// How often, beside whom, how to tell it.
    #[command(flatten)]
    pub runs: Runs,
}

impl AmqpBench {
    /// Runs the benchmark and prints what was measured to stdout, progress to stderr.
    ///
    /// # Errors
    /// A bad description, a server that cannot be reached or that refuses something.
    pub fn run(&self) -> Result<()> {
        args::run::<Amqp>(&self.url, &self.load, self.queue_prefix.as_deref(), &self.runs)
    }
}

/// The protocol.
#[derive(Debug)]
pub(crate) enum Amqp {}

fn queue(names: &Names, index: u32) -> String {
    format!("{}-{index}", names.prefix)
}

fn exchange(names: &Names) -> String {
    format!("{}-fanout", names.prefix)
}

impl Protocol for Amqp {
    type Load = Load;
    type Target = Target;
    type Ground = ();
    type Producer = Producer;
    type Consumer = Consumer;

    fn target(url: &str) -> Result<Target> {
        Target::parse(url)
    }

    fn set_up(target: &Target, load: &Load, names: &Names) -> Result<()> {
        let mut control = Control::open(target)?;
        if load.fanout {
            control.declare_fanout(&exchange(names), load.durable)?;
        }
        for index in 0..load.queues {
            let queue = queue(names, index);
            control.declare_queue(&queue, load.durable, load.queue_type.name())?;
            if load.fanout {
                control.bind(&queue, &exchange(names))?;
            }
        }
        control.close()
    }

    fn consumers(site: &Site<'_, Self>) -> Result<Vec<Consumer>> {
        let load = site.load;
        let mut consumers = Vec::new();
        for index in 0..load.consumers {
            let mut control = Control::open(site.target)?;
            if !load.auto_ack {
                control.qos(load.prefetch)?;
            }
            for number in share(index, load.consumers, load.queues) {
                control.consume(&queue(site.names, number), load.auto_ack)?;
            }
            consumers.push(Consumer::new(control.into_connection()?, load));
        }
        Ok(consumers)
    }

    fn producers(site: &Site<'_, Self>) -> Result<Vec<Producer>> {
        let load = site.load;
        let exchange = exchange(site.names);
        let mut producers = Vec::new();
        for index in 0..load.producers {
            let mut control = Control::open(site.target)?;
            if load.confirm > 0 {
                control.confirm()?;
            }
            let queues: Vec<String> = share(index, load.producers, load.queues)
                .iter()
                .map(|number| queue(site.names, *number))
                .collect();
            let routes: Vec<(&str, &str)> = if load.fanout {
                vec![(&exchange, "")]
            } else {
                queues.iter().map(|queue| ("", queue.as_str())).collect()
            };
            let limit = run::limit(load.messages, index, load.producers);
            producers.push(Producer::new(control.into_connection()?, load, &routes, limit, index)?);
        }
        Ok(producers)
    }

    fn clear_away(target: &Target, load: &Load, names: &Names) -> Result<()> {
        let mut control = Control::open(target)?;
        for index in 0..load.queues {
            control.delete_queue(&queue(names, index))?;
        }
        if load.fanout {
            control.delete_exchange(&exchange(names))?;
        }
        control.close()
    }
}

#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
