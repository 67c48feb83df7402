//! `anymq dev`

use std::path::PathBuf;

use anymq_api::Problem;

use crate::config::{ConfigArgs, Settings, load};
use crate::start::{self, Ports, Start};

/// Options of `dev`.
#[derive(Debug, clap::Args)]
pub struct Dev {
    #[command(flatten)]
    config: ConfigArgs,
    /// Write the addresses and the process id here, as JSON, once clients are served.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

impl Dev {
    pub(crate) fn run(self) -> Result<(), Problem> {
        let (settings, _) = load(&self.config, &Settings::dev())?;
        let reload = Box::new(move || load(&self.config, &Settings::dev()).map(|loaded| loaded.0));
        start::run(Start { settings, ports: Ports::Move, banner: true, ready_file: self.ready_file, reload })
    }
}
