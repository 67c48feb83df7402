//! `anymq queue …`

use anymq_api::{Declare, Queue, Removed, paths};
use clap::{Subcommand, ValueEnum};

use super::{ListArgs, VhostArg, count};
use crate::output::{Row, mark, short, size};
use crate::{Consent, Cx, Result, arguments};

/// What can be done with queues.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List queues.
    Ls {
        #[command(flatten)]
        list: ListArgs,
        /// Order by this column, largest first.
        #[arg(long, value_enum)]
        sort: Option<Sort>,
    },
    /// Show everything about one queue.
    Info {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
    },
    /// Create a queue.
    Create {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
        /// `classic`, `quorum` or `stream`.
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// An argument, as x-max-length=1000; may be given several times.
        #[arg(long = "arg", value_name = "NAME=VALUE")]
        args: Vec<String>,
        /// Do not keep it over restarts.
        #[arg(long)]
        transient: bool,
        /// Delete it with its last consumer.
        #[arg(long)]
        auto_delete: bool,
    },
    /// Remove every ready message.
    Purge {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
        #[command(flatten)]
        consent: Consent,
    },
    /// Remove a queue and its messages.
    Rm {
        /// Name.
        name: String,
        #[command(flatten)]
        vhost: VhostArg,
        /// Only if nobody consumes from it.
        #[arg(long)]
        if_unused: bool,
        /// Only if it holds no message.
        #[arg(long)]
        if_empty: bool,
        #[command(flatten)]
        consent: Consent,
    },
}

/// Columns to order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sort {
    /// All messages.
    Messages,
    /// Ready messages.
    Ready,
    /// Unacknowledged messages.
    Unacked,
    /// Bytes.
    Bytes,
    /// Consumers.
    Consumers,
}

impl Row for Queue {
    const TITLES: &'static [&'static str] = &[
        "vhost",
        "name",
        "type",
        "durable",
        ">ready",
        ">unacked",
        ">delayed",
        ">bytes",
        ">consumers",
        "policy",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.vhost.clone(),
            self.name.clone(),
            self.kind.clone(),
            mark(self.durable),
            short(self.ready),
            short(self.unacked),
            short(self.delayed),
            size(self.bytes),
            self.consumers.to_string(),
            self.policy.clone().unwrap_or_default(),
        ]
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        match self {
            Verb::Ls { list, sort } => ls(&list, sort, cx),
            Verb::Info { name, vhost } => {
                let queue: Queue = cx.client.get(&paths::path(&["queues", &vhost.vhost, &name]))?;
                cx.out.one(&queue)
            }
            Verb::Create { name, vhost, kind, args, transient, auto_delete } => {
                let mut arguments = arguments::parse(&args)?;
                if let Some(kind) = kind {
                    arguments.insert("x-queue-type".into(), kind.into());
                }
                let declare = Declare { durable: !transient, auto_delete, arguments, ..Declare::default() };
                cx.client.put(&paths::path(&["queues", &vhost.vhost, &name]), &declare)?;
                cx.out.done(&format!("queue {name:?} is there"), &declare)
            }
            Verb::Purge { name, vhost, consent } => purge(&name, &vhost.vhost, consent, cx),
            Verb::Rm { name, vhost, if_unused, if_empty, consent } => {
                rm(&name, &vhost.vhost, (if_unused, if_empty), consent, cx)
            }
        }
    }
}

fn ls(list: &ListArgs, sort: Option<Sort>, cx: &mut Cx<'_>) -> Result<()> {
    let mut query = list.query();
    if sort.is_some() {
        query.limit = None; // The largest may be anywhere.
    }
    let mut queues: Vec<Queue> = cx.client.list("queues", &query)?;
    if let Some(sort) = sort {
        queues.sort_by_key(|queue| {
            std::cmp::Reverse(match sort {
                Sort::Messages => queue.messages,
                Sort::Ready => queue.ready,
                Sort::Unacked => queue.unacked,
                Sort::Bytes => queue.bytes,
                Sort::Consumers => queue.consumers,
            })
        });
        queues.truncate(list.limit.unwrap_or(usize::MAX));
    }
    cx.out.list(&queues)
}

fn purge(name: &str, vhost: &str, consent: Consent, cx: &mut Cx<'_>) -> Result<()> {
    let queue: Queue = cx.client.get(&paths::path(&["queues", vhost, name]))?;
    let deed = format!("remove {} from queue {name:?}", count(queue.ready, "ready message"));
    if !consent.given(&deed, cx)? {
        return Ok(());
    }
    let removed: Removed = cx.client.delete_for(&paths::path(&["queues", vhost, name, "messages"]))?;
    cx.out.done(&format!("removed {}", count(removed.messages, "message")), &removed)
}

fn rm(name: &str, vhost: &str, only: (bool, bool), consent: Consent, cx: &mut Cx<'_>) -> Result<()> {
    let path = paths::path(&["queues", vhost, name]);
    let queue: Queue = cx.client.get(&path)?;
    let deed = format!(
        "remove queue {name:?} with {} and {}",
        count(queue.messages, "message"),
        count(queue.consumers, "consumer")
    );
    if !consent.given(&deed, cx)? {
        return Ok(());
    }
    let condition = |set: bool| set.then(|| "true".to_owned());
    let path = paths::query(&path, &[("if_unused", condition(only.0)), ("if_empty", condition(only.1))]);
    let removed: Removed = cx.client.delete_for(&path)?;
    cx.out.done(&format!("removed queue {name:?} with {}", count(removed.messages, "message")), &removed)
}
