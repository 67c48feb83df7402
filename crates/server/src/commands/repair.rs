//! `anymq repair DIR`

use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

use anymq_api::{Problem, codes};
use anymq_cli::Consent;

use super::check::open_existing;
use super::print;
use crate::start;

/// Options of `repair`.
#[derive(Debug, clap::Args)]
pub struct Repair {
    /// The data directory; no broker may be using it.
    dir: PathBuf,
    #[command(flatten)]
    consent: Consent,
}

impl Repair {
    pub(crate) fn run(self) -> Result<(), Problem> {
        let disk = open_existing(&self.dir)?;
        let mut damage = Vec::new();
        let checked = anymq_log::check(&disk, &mut |finding| {
            if finding.is_damage() {
                damage.push(format!("{finding}; {}", finding.consequence()));
            }
        });
        checked.map_err(|e| start::log_problem(&e))?;
        for line in &damage {
            print(&format!("DAMAGE: {line}\n"))?;
        }
        if damage.is_empty() {
            return print("no damage: nothing to repair\n");
        }
        if self.consent.dry_run {
            return print(&format!("would repair {} damaged places\n", damage.len()));
        }
        if !self.consent.yes && !self.agreed(damage.len())? {
            return Err(Problem::new(&codes::NOT_CONFIRMED, "not confirmed: nothing was changed"));
        }
        let mut failed = None;
        let repaired = anymq_log::repair(&disk, &mut |done| {
            let place = done.at.map(|at| format!(" segment {} offset {}", at.segment(), at.offset()));
            let kept = done.quarantine.as_deref().map(|file| format!("; kept in {file}"));
            let (place, kept) = (place.unwrap_or_default(), kept.unwrap_or_default());
            let line = format!("{}{place}: {} ({} bytes){kept}\n", done.file, done.what, done.bytes);
            failed = failed.take().or(print(&line).err());
        });
        let repaired = repaired.map_err(|e| start::log_problem(&e))?;
        failed.map_or(Ok(()), Err)?;
        print(&format!("{repaired} repairs made; the broker can start\n"))
    }

    fn agreed(&self, places: usize) -> Result<bool, Problem> {
        let (stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
        if !stdin.is_terminal() {
            return Ok(false);
        }
        let question =
            format!("Repair {places} places in {}? Copy the directory first. [y/N] ", self.dir.display());
        let mut answer = String::new();
        let asked = write!(stderr, "{question}").and_then(|()| stdin.lock().read_line(&mut answer));
        asked.map_err(|e| Problem::new(&codes::NOT_CONFIRMED, format!("cannot ask: {e}")))?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}
