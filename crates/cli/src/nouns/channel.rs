//! `anymq channel …`: open channels.

use anymq_api::Channel;
use clap::Subcommand;

use super::ListArgs;
use crate::output::Row;
use crate::{Cx, Result};

/// What can be done with channels.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List open channels; `--name` looks into user names.
    Ls {
        #[command(flatten)]
        list: ListArgs,
    },
}

impl Row for Channel {
    const TITLES: &'static [&'static str] = &[
        ">connection",
        ">channel",
        "user",
        "vhost",
        ">prefetch",
        ">of channel",
        ">unacked",
        ">consumers",
        "mode",
    ];

    fn cells(&self) -> Vec<String> {
        let mode = match (self.confirms, self.transactional) {
            (true, _) => "confirm",
            (false, true) => "tx",
            (false, false) => "",
        };
        vec![
            self.connection.to_string(),
            self.number.to_string(),
            self.user.clone(),
            self.vhost.clone(),
            self.prefetch.to_string(),
            self.prefetch_global.to_string(),
            self.unacked.to_string(),
            self.consumers.to_string(),
            mode.to_owned(),
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
