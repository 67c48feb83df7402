//! Arguments of `anymq bench amqp`, and the order of runs they ask for.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::cases::{self, Case};
use crate::load::Load;
use crate::progress::Progress;
use crate::report;
use crate::result::Measurement;
use crate::run::{self, Names, Server};
use crate::target::Target;
use crate::versus::{self, Pair};

/// Measure an AMQP 0-9-1 server: rates, latencies, CPU and memory
#[derive(Clone, Debug, clap::Args)]
pub struct AmqpBench {
    /// amqp://user:password@host:port/vhost
    pub url: String,
    /// What to ask of the server.
    #[command(flatten)]
    pub load: Load,
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
    /// Begin the names of queues and exchange with this, instead of one of a kind
    #[arg(long)]
    pub queue_prefix: Option<String>,
    /// Leave queues, exchange and what is in them on the server
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
struct Named {
    case: String,
    #[serde(flatten)]
    measured: Measurement,
}

pub(crate) fn run(args: &AmqpBench) -> Result<()> {
    let server = Server { target: Target::parse(&args.url)?, pid: args.server_pid };
    let cases = match &args.cases {
        Some(path) => cases::read(path)?,
        None if args.rates.is_empty() => vec![Case { name: "run".to_owned(), load: args.load.clone() }],
        None => cases::steps(&args.load, &args.rates),
    };
    let progress = Progress::new(!args.no_progress);
    match &args.versus {
        None => alone(args, &server, &cases, &progress),
        Some(url) => {
            let other = Server { target: Target::parse(url)?, pid: args.versus_pid };
            side_by_side(args, [&server, &other], &cases, &progress)
        }
    }
}

fn alone(args: &AmqpBench, server: &Server, cases: &[Case], progress: &Progress) -> Result<()> {
    let mut results = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let measured = run::measure(server, &case.load, &names(args, index), progress)?;
        if !args.json {
            print!("{}", report::text(&case.name, &measured));
        }
        results.push(Named { case: case.name.clone(), measured });
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    }
    Ok(())
}

fn side_by_side(args: &AmqpBench, servers: [&Server; 2], cases: &[Case], progress: &Progress) -> Result<()> {
    let [ours, theirs] = args.names.as_slice() else {
        anyhow::bail!("--names takes two names");
    };
    ensure!(args.rounds > 0, "rounds is at least 1");
    let mut pairs = Vec::new();
    for (index, case) in cases.iter().enumerate() {
        let mut pair = Pair { case: case.name.clone(), ours: Vec::new(), theirs: Vec::new() };
        for round in 0..args.rounds {
            // Who goes first changes, so that neither always finds the warmer machine.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for side in order {
                let measured = run::measure(servers[side], &case.load, &names(args, index), progress)?;
                eprint!("{}", report::text(&format!("{}, {}", case.name, args.names[side]), &measured));
                if side == 0 { &mut pair.ours } else { &mut pair.theirs }.push(measured);
            }
        }
        pairs.push(pair);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&pairs)?);
    } else {
        print!("{}", versus::markdown(&pairs, ours, theirs));
    }
    Ok(())
}

fn names(args: &AmqpBench, index: usize) -> Names {
    let prefix = match &args.queue_prefix {
        Some(prefix) => prefix.clone(),
        None => format!("anymq-bench-{}-{index}", std::process::id()),
    };
    Names { prefix, keep: args.keep }
}
