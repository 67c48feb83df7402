//! Nothing is removed by mistake: show how much, ask, then do.

use anymq_api::{Problem, codes};
use clap::Args;

use crate::output::printable;
use crate::{Cx, Result};

/// Options of every command that removes something.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Consent {
    /// Do not ask.
    #[arg(short, long)]
    pub yes: bool,
    /// Say what would happen and change nothing.
    #[arg(long)]
    pub dry_run: bool,
}

impl Consent {
    /// Whether to go on with `deed` ("remove queue x with 5 messages"). Without a person to ask, only with `--yes`.
    pub(crate) fn given(self, deed: &str, cx: &mut Cx<'_>) -> Result<bool> {
        let deed = printable(deed);
        if self.dry_run {
            cx.out.done(&format!("would {deed}"), &serde_json::json!({ "would": deed }))?;
            return Ok(false);
        }
        if self.yes {
            return Ok(true);
        }
        let refused = || Problem::new(&codes::NOT_CONFIRMED, format!("not confirmed: {deed}"));
        if !cx.interactive {
            return Err(refused());
        }
        let _ = write!(cx.asides, "About to {deed}. Go on? [y/N] ").and_then(|()| cx.asides.flush());
        let mut answer = String::new();
        let read = cx.input.read_line(&mut answer);
        match (read, answer.trim()) {
            (Ok(_), "y" | "Y" | "yes") => Ok(true),
            _ => Err(refused()),
        }
    }
}
