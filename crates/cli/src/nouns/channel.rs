//! `anymq channel …`: open channels by connection.

use anymq_api::Channel;
use clap::Subcommand;

use super::ListArgs;
use crate::output::Row;
use crate::{Cx, Result};

/// What can be done with channels.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List open channels by connection; `--name` looks into user names.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
}

impl Row for Channel {
    const TITLES: &'static [&'static str] =
        &[">connection", ">channels", "user", "vhost", ">consumers", ">unacked"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.connection.to_string(),
            self.channels.to_string(),
            self.user.clone(),
            self.vhost.clone(),
            self.consumers.to_string(),
            self.unacked.to_string(),
        ]
    }
}

impl Verb {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let Verb::Ls { list } = self;
        let channels: Vec<Channel> = cx.client.list("channels", &list.query())?;
        cx.out.list(&channels)
    }
}
