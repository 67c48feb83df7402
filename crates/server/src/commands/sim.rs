//! `anymq sim`: the core and the journal against a failing disk, by seed.

use anymq_api::{Problem, codes};

use super::print;

/// Options of `sim`.
#[derive(Debug, clap::Args)]
pub struct Sim {
    /// The first seed, or the only one
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many seeds to run
    #[arg(long, default_value_t = 1)]
    seeds: u64,
}

impl Sim {
    pub(crate) fn run(self) -> Result<(), Problem> {
        let (mut published, mut delivered, mut crashes, mut broken) = (0, 0, 0, 0u64);
        for seed in self.seed..self.seed.saturating_add(self.seeds) {
            match anymq_sim::run(seed) {
                Ok(report) => {
                    published += report.published;
                    delivered += report.delivered;
                    crashes += report.crashes;
                    if self.seeds == 1 {
                        print(&format!(
                            "seed {seed}: {} steps, trace {:016x}\n",
                            report.steps, report.trace
                        ))?;
                    }
                }
                Err(violation) => {
                    broken += 1;
                    print(&format!("VIOLATION {violation}; again with: anymq sim --seed {seed}\n"))?;
                }
            }
        }
        print(&format!("{published} messages published, {delivered} delivered, {crashes} crashes\n"))?;
        print(&format!("{} passed, {broken} failed\n", self.seeds - broken))?;
        match broken {
            0 => Ok(()),
            n => Err(Problem::new(&codes::INTERNAL, format!("{n} of {} seeds broke a promise", self.seeds))),
        }
    }
}
