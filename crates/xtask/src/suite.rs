//! `cargo xtask test`: the one test command, as a list of steps.
//!
//! A step whose part of the repository or whose tool is not there is absent and said to be so; it never passes by
//! default. The last line counts what ran: `N passed, N failed` (test cases where a step has them, else the step).

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

mod command;
mod readme;
mod steps;

use steps::{Plan, Step};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Steps to run; all that can run if none is named
    steps: Vec<String>,
    /// Print the steps and stop
    #[arg(long)]
    list: bool,
    /// Stop at the first step that fails
    #[arg(long)]
    fail_fast: bool,
    /// Build and test the binary as it is released: minutes longer on a clean clone
    #[arg(long)]
    release: bool,
    /// Seeds of the simulator
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// Seconds for each fuzz target
    #[arg(long, default_value_t = 60)]
    fuzz_seconds: u64,
    /// Install cargo-fuzz and cargo-deny if they are missing (builds them: several minutes)
    #[arg(long)]
    with_tools: bool,
}

/// Cases that passed and failed in one step.
#[derive(Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Count {
    const PASSED: Count = Count { passed: 1, failed: 0 };
    const FAILED: Count = Count { passed: 0, failed: 1 };

    fn of(ok: bool) -> Count {
        if ok { Count::PASSED } else { Count::FAILED }
    }
}

struct Outcome {
    name: &'static str,
    count: Count,
    took: Duration,
    note: Option<String>,
}

/// Runs the steps; true if nothing failed.
pub(crate) fn run(root: &Path, args: &Args) -> Result<bool> {
    let plan = Plan::new(root, args)?;
    let chosen = choose(&plan, &args.steps)?;
    for (name, why) in &plan.absent {
        println!("absent: {name} ({why})");
    }
    if args.list {
        chosen.iter().for_each(|step| println!("{:<9} {}", step.name, step.about));
        return Ok(true);
    }

    let mut outcomes: Vec<Outcome> = Vec::new();
    for step in chosen {
        let missing = step.needs.iter().find(|need| failed(&outcomes, need));
        let outcome = match missing {
            Some(need) => Outcome {
                name: step.name,
                count: Count::FAILED,
                took: Duration::ZERO,
                note: Some(format!("not run: {need} failed")),
            },
            None => run_step(step),
        };
        let stop = args.fail_fast && outcome.count.failed > 0;
        outcomes.push(outcome);
        if stop {
            break;
        }
    }
    Ok(summary(&outcomes))
}

/// Writes the generated pages of docs/ again.
pub(crate) fn write_docs(root: &Path) -> Result<bool> {
    command::cargo(root, &["test", "--quiet", "--package", "xtask", "--test", "docs"])
        .env("UPDATE_EXPECT", "1")
        .ok()
}

fn choose<'a>(plan: &'a Plan, named: &[String]) -> Result<Vec<&'a Step>> {
    for name in named {
        if let Some((_, why)) = plan.absent.iter().find(|(absent, _)| absent == name) {
            bail!("step {name} cannot run: {why}");
        }
        if !plan.steps.iter().any(|step| step.name == name) {
            let known: Vec<_> = plan.steps.iter().map(|step| step.name).collect();
            bail!("no step {name}; the steps are {}", known.join(", "));
        }
    }
    Ok(plan
        .steps
        .iter()
        .filter(|step| named.is_empty() || named.iter().any(|name| name == step.name))
        .collect())
}

fn failed(outcomes: &[Outcome], name: &str) -> bool {
    outcomes.iter().any(|outcome| outcome.name == name && outcome.count.failed > 0)
}

#[allow(clippy::disallowed_methods, reason = "how long a step took, for the reader")]
fn run_step(step: &Step) -> Outcome {
    println!("\n== {}: {}", step.name, step.about);
    let start = Instant::now();
    let (count, note) = match (step.run)() {
        Ok(count) => (count, None),
        Err(error) => (Count::FAILED, Some(format!("{error:#}"))),
    };
    Outcome { name: step.name, count, took: start.elapsed(), note }
}

fn summary(outcomes: &[Outcome]) -> bool {
    println!("\n{:<9} {:>8} {:>8} {:>9}", "step", "passed", "failed", "seconds");
    let mut total = Count::default();
    for Outcome { name, count, took, note } in outcomes {
        let note = note.as_deref().unwrap_or_default();
        println!("{name:<9} {:>8} {:>8} {:>9.1} {note}", count.passed, count.failed, took.as_secs_f64());
        total.passed += count.passed;
        total.failed += count.failed;
    }
    println!("\n{} passed, {} failed", total.passed, total.failed);
    total.failed == 0
}
