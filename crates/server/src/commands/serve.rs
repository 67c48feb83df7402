//! `anymq serve`

use std::path::PathBuf;

use anymq_api::Problem;

use crate::config::{ConfigArgs, Settings, load};
use crate::start::{self, Ports, Start};

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub struct Serve {
    #[command(flatten)]
    config: ConfigArgs,
    /// Write the addresses and the process id here, as JSON, once clients are served.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Serve {
    pub(crate) fn run(self) -> Result<(), Problem> {
        let (settings, _) = load(&self.config, &Settings::default())?;
        let reload = Box::new(move || load(&self.config, &Settings::default()).map(|loaded| loaded.0));
        start::run(Start {
            settings,
            ports: Ports::Refuse,
            banner: false,
            ready_file: self.ready_file,
            reload,
        })
    }
}
