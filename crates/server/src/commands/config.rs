//! `anymq config …`

use anymq_api::Problem;
use clap::Subcommand;

use super::print;
use crate::config::{ConfigArgs, Settings, load, reference, show};

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Read every place a setting can come from and name the first mistake.
    Check {
        #[command(flatten)]
        from: ConfigArgs,
    },
    /// Print every setting in force for `serve`.
    Show {
        #[command(flatten)]
        from: ConfigArgs,
        /// Say where each value comes from.
        #[arg(long)]
        origin: bool,
    },
    /// Print the page that explains every key.
    Reference,
}

impl Config {
    pub(crate) fn run(self) -> Result<(), Problem> {
        match self {
            Config::Check { from } => {
                load(&from, &Settings::default())?;
                print("the configuration is good\n")
            }
            Config::Show { from, origin } => {
                let (_, layers) = load(&from, &Settings::default())?;
                print(&show(&layers, origin))
            }
            Config::Reference => print(&reference()),
        }
    }
}
