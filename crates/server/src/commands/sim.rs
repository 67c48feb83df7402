//! `anymq sim`: the core and the journal against a failing disk, by seed.

use anymq_api::{Problem, codes};
use anymq_sim::{Crashes, Report, Violation};

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
    /// Crash once, at this operation of the disk, instead of at random
    #[arg(long, value_name = "OP")]
    crash_at: Option<u64>,
    /// Run each seed once for each operation of the disk, and crash at it
    #[arg(long, conflicts_with = "crash_at")]
    every_op: bool,
}

/// What all seeds came to.
#[derive(Default)]
struct Totals {
    published: u64,
    delivered: u64,
    crashes: u64,
    broken: u64,
}

impl Sim {
    pub(crate) fn run(self) -> Result<(), Problem> {
        let mut totals = Totals::default();
        for seed in self.seed..self.seed.saturating_add(self.seeds) {
            if let Err(violation) = self.seed(seed, &mut totals) {
                totals.broken += 1;
                print(&format!("VIOLATION {violation}\n"))?;
            }
        }
        let Totals { published, delivered, crashes, broken } = totals;
        if !self.every_op {
            print(&format!("{published} messages published, {delivered} delivered\n"))?;
        }
        print(&format!("{crashes} crashes\n{} passed, {broken} failed\n", self.seeds - broken))?;
        match broken {
            0 => Ok(()),
            n => Err(Problem::new(&codes::INTERNAL, format!("{n} of {} seeds broke a promise", self.seeds))),
        }
    }

    fn seed(&self, seed: u64, totals: &mut Totals) -> Result<(), Violation> {
        if self.every_op {
            // One crash at each operation, and one at the end of each run.
            totals.crashes += 2 * anymq_sim::run_every_op(seed)?;
            return Ok(());
        }
        let crashes = self.crash_at.map_or(Crashes::Random, Crashes::At);
        let Report { published, delivered, crashes, steps, trace, .. } = anymq_sim::run(seed, crashes)?;
        totals.published += published;
        totals.delivered += delivered;
        totals.crashes += crashes;
        if self.seeds == 1 {
            // Nothing is lost if nobody listens.
            let _ = print(&format!("seed {seed}: {steps} steps, trace {trace:016x}\n"));
        }
        Ok(())
    }
}
