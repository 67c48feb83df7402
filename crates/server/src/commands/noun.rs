//! Commands that ask a running broker.

use std::io::IsTerminal;

use anymq_api::Problem;
use anymq_cli::{Cx, Noun, Printer};

use crate::colours;

pub(crate) fn run(noun: Noun) -> Result<(), Problem> {
    let target = noun.target();
    let client = target.client(std::env::var("ANYMQ_PASSWORD").ok())?;
    let (mut out, mut err, stdin) = (std::io::stdout(), std::io::stderr(), std::io::stdin());
    let terminal = out.is_terminal();
    let interactive = terminal && stdin.is_terminal();
    let out = Printer::new(&mut out, target.output, terminal && colours());
    let mut cx = Cx { client, out, input: &mut stdin.lock(), asides: &mut err, interactive };
    anymq_cli::run(noun, &mut cx)
}
