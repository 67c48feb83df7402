//! `anymq topic …`

use std::collections::BTreeMap;

use anymq_api::{Problem, Removed, Topic, TopicPut, codes, paths};
use clap::Subcommand;

use super::{ListArgs, VhostArg, count};
use crate::output::{Row, short, size};
use crate::{Consent, Cx, Result};

/// What can be done with topics.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List topics. A queue is a topic with one partition.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show everything about one topic, its partitions too.
    #[command(alias = "info")]
    Describe {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
    },
    /// Create a topic.
    Create {
        /// Name: letters, digits, `.`, `_` and `-`.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
        /// How many partitions.
        #[arg(long, default_value_t = 1)]
        partitions: u32,
        /// A setting, as retention.ms=86400000; may be given several times.
        #[arg(long = "config", value_name = "NAME=VALUE")]
        config: Vec<String>,
    },
    /// Delete a topic and its messages.
    #[command(alias = "rm")]
    Delete {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
        #[command(flatten)]
        consent: Consent,
    },
}

impl Row for Topic {
    const TITLES: &'static [&'static str] =
        &["vhost", "name", "type", ">partitions", ">messages", ">bytes", "config"];

    fn cells(&self) -> Vec<String> {
        let config: Vec<String> = self.config.iter().map(|(name, value)| format!("{name}={value}")).collect();
        vec![
            self.vhost.clone(),
            self.name.clone(),
            self.kind.clone(),
            self.partitions.to_string(),
            short(self.messages),
            size(self.bytes),
            config.join(" "),
        ]
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list } => {
                let topics: Vec<Topic> = cx.client.list("topics", &list.query())?;
                cx.out.list(&topics)
            }
            Verb::Describe { name, vhost } => {
                let topic: Topic = cx.client.get(&paths::path(&["topics", &vhost.vhost, &name]))?;
                cx.out.one(&topic)
            }
            Verb::Create { name, vhost, partitions, config } => {
                let put = TopicPut { partitions, config: settings(&config)? };
                cx.client.put(&paths::path(&["topics", &vhost.vhost, &name]), &put)?;
                cx.out.done(&format!("topic {name:?} is there"), &put)
            }
            Verb::Delete { name, vhost, consent } => delete(&name, &vhost.vhost, consent, cx),
        }
    }
}

/// Reads `name=value` pairs.
fn settings(pairs: &[String]) -> Result<BTreeMap<String, String>> {
    let mut settings = BTreeMap::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            let what = format!("setting {pair:?} is not name=value");
            return Err(Problem::new(&codes::ARGUMENT_INVALID, what)
                .fix("write it as --config retention.ms=86400000"));
        };
        if settings.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Problem::new(&codes::ARGUMENT_INVALID, format!("setting {name:?} is given twice")));
        }
    }
    Ok(settings)
}

fn delete(name: &str, vhost: &str, consent: Consent, cx: &mut Cx<'_>) -> Result<()> {
    let path = paths::path(&["topics", vhost, name]);
    let topic: Topic = cx.client.get(&path)?;
    let deed = format!(
        "delete topic {name:?} with {} and {}",
        count(topic.partitions, "partition"),
        count(topic.messages, "message")
    );
    if !consent.given(&deed, cx)? {
        return Ok(());
    }
    let removed: Removed = cx.client.delete_for(&path)?;
    cx.out.done(&format!("deleted topic {name:?} with {}", count(removed.messages, "message")), &removed)
}
