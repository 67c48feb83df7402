//! `anymq check DIR`

use std::path::{Path, PathBuf};

use anymq_api::{Problem, codes};
use anymq_runtime::RealDisk;

use super::print;
use crate::start;

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The data directory; no broker may be using it.
    dir: PathBuf,
}

impl Check {
    pub(crate) fn run(self) -> Result<(), Problem> {
        let disk = open_existing(&self.dir)?;
        let mut failed = None;
        let summary = anymq_log::check(&disk, &mut |finding| {
            let mark = if finding.is_damage() { "DAMAGE" } else { "note" };
            let printed = print(&format!("{mark}: {finding}; {}\n", finding.consequence()));
            failed = failed.take().or(printed.err());
        });
        let summary = summary.map_err(|e| start::log_problem(&e))?;
        if let Some(problem) = failed {
            return Err(problem);
        }
        print(&format!(
            "{} segments, {} snapshots, {} groups and {} frames verify ({} bytes)\n",
            summary.segments, summary.snapshots, summary.groups, summary.frames, summary.bytes
        ))?;
        if summary.damage > 0 {
            let what = format!("{} places in {} are damaged", summary.damage, self.dir.display());
            return Err(Problem::new(&codes::DATA_FOUND_BAD, what));
        }
        print("no damage\n")
    }
}

/// Takes a directory that must be there: a mistyped one must not be created.
pub(super) fn open_existing(dir: &Path) -> Result<RealDisk, Problem> {
    if !dir.is_dir() {
        let what = format!("{} is not a directory", dir.display());
        return Err(Problem::new(&codes::DATA_DIR_UNUSABLE, what));
    }
    RealDisk::take(dir).map_err(|e| start::disk_problem(&e))
}
