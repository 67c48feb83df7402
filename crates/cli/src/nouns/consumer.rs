//! `anymq consumer …`

use anymq_api::Consumer;
use clap::Subcommand;

use super::ListArgs;
use crate::output::{Row, mark};
use crate::{Cx, Result};

/// What can be done with consumers.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List consumers; `--name` looks into queue names.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
}

impl Row for Consumer {
    const TITLES: &'static [&'static str] = &[
        "vhost",
        "queue",
        "tag",
        ">connection",
        ">prefetch",
        ">unacked",
        "auto-ack",
        "exclusive",
        ">priority",
        "active",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.vhost.clone(),
            self.queue.clone(),
            self.tag.clone(),
            self.connection.to_string(),
            self.prefetch.to_string(),
            self.unacked.to_string(),
            mark(self.auto_ack),
            mark(self.exclusive),
            self.priority.to_string(),
            mark(self.active),
        ]
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let Verb::Ls { list } = self;
        let consumers: Vec<Consumer> = cx.client.list("consumers", &list.query())?;
        cx.out.list(&consumers)
    }
}
