//! Arguments of `anymq bench …` that are the same for every protocol, and the order of runs they ask for.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::cases::{self, Case};
use crate::progress::Progress;
use crate::report;
use crate::result::Measurement;
use crate::run::{self, Names, Protocol, Server};
use crate::versus::{self, Pair};

/// What to run, against whom, and how to tell it.
#[derive(Clone, Debug, clap::Args)]
pub struct Runs {
    /// Run at each of these rates (msg/s), one after another
    #[arg(long, value_delimiter = ',', conflicts_with_all = ["rate", "cases"])]
    pub rates: Vec<u64>,
    /// Run all cases of a TOML file: [[case]] tables with a name and these flags as keys
    #[arg(long, value_name = "FILE")]
    pub cases: Option<PathBuf>,
    /// Process of the server: measures its CPU and memory, children included
    #[arg(long, value_name = "PID")]
    pub server_pid: Option<u32>,
    /// A second server: runs alternate between both, medians go into a Markdown table
    #[arg(long, value_name = "URL")]
    pub versus: Option<String>,
    /// Process of the second server
    #[arg(long, value_name = "PID", requires = "versus")]
    pub versus_pid: Option<u32>,
    /// Rounds side by side
    #[arg(long, default_value_t = 3, requires = "versus")]
    pub rounds: u32,
    /// Names of the two servers in the table
    #[arg(long, value_delimiter = ',', default_values = ["AnyMQ", "other"], requires = "versus")]
    pub names: Vec<String>,
    /// Leave on the server what was declared, and what is in it
    #[arg(long)]
    pub keep: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// No progress line, also on a terminal
    #[arg(long)]
    pub no_progress: bool,
}

/// One run in the JSON output.
#[derive(Serialize)]
struct Named<L> {
    case: String,
    #[serde(flatten)]
    measured: Measurement<L>,
}

/// What was asked for: `load` is that of the flags, `prefix` begins the names on the server.
pub(crate) fn run<P: Protocol>(url: &str, load: &P::Load, prefix: Option<&str>, runs: &Runs) -> Result<()> {
    let server = Server { target: P::target(url)?, pid: runs.server_pid };
    let cases = match &runs.cases {
        Some(path) => cases::read(path)?,
        None if runs.rates.is_empty() => vec![Case { name: "run".to_owned(), load: load.clone() }],
        None => cases::steps(load, &runs.rates),
    };
    let session = Session::<P> { runs, prefix, cases, progress: Progress::new(!runs.no_progress) };
    match &runs.versus {
        None => session.alone(&server),
        Some(url) => {
            let other = Server { target: P::target(url)?, pid: runs.versus_pid };
            session.side_by_side([&server, &other])
        }
    }
}

struct Session<'a, P: Protocol> {
    runs: &'a Runs,
    prefix: Option<&'a str>,
    cases: Vec<Case<P::Load>>,
    progress: Progress,
}

impl<P: Protocol> Session<'_, P> {
    fn alone(&self, server: &Server<P::Target>) -> Result<()> {
        let mut results = Vec::new();
        for (index, case) in self.cases.iter().enumerate() {
            let measured = self.measure(server, index)?;
            if !self.runs.json {
                print!("{}", report::text(&case.name, &measured));
            }
            results.push(Named { case: case.name.clone(), measured });
        }
        if self.runs.json {
            println!("{}", serde_json::to_string_pretty(&results)?);
        }
        Ok(())
    }

    fn side_by_side(&self, servers: [&Server<P::Target>; 2]) -> Result<()> {
        let [ours, theirs] = self.runs.names.as_slice() else {
            anyhow::bail!("--names takes two names");
        };
        ensure!(self.runs.rounds > 0, "rounds is at least 1");
        let mut pairs = Vec::new();
        for (index, case) in self.cases.iter().enumerate() {
            let mut pair = Pair { case: case.name.clone(), ours: Vec::new(), theirs: Vec::new() };
            for round in 0..self.runs.rounds {
                // Who goes first changes, so that neither always finds the warmer machine.
                let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
                for side in order {
                    let measured = self.measure(servers[side], index)?;
                    let name = format!("{}, {}", case.name, self.runs.names[side]);
                    eprint!("{}", report::text(&name, &measured));
                    if side == 0 { &mut pair.ours } else { &mut pair.theirs }.push(measured);
                }
            }
            pairs.push(pair);
        }
        if self.runs.json {
            println!("{}", serde_json::to_string_pretty(&pairs)?);
        } else {
            print!("{}", versus::markdown(&pairs, ours, theirs));
        }
        Ok(())
    }

    fn measure(&self, server: &Server<P::Target>, index: usize) -> Result<Measurement<P::Load>> {
        let prefix = match self.prefix {
            Some(prefix) => prefix.to_owned(),
            None => format!("anymq-bench-{}-{index}", std::process::id()),
        };
        let names = Names { prefix, keep: self.runs.keep };
        run::measure::<P>(server, &self.cases[index].load, &names, &self.progress)
    }
}
