//! `anymq import` and `anymq export`: RabbitMQ's definitions.json.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use anymq_api::{Imported, Problem, codes, paths};
use serde_json::Value;

use crate::nouns::count;
use crate::output::printable;
use crate::target::read_bounded;
use crate::{Consent, Cx, Result};

/// Largest definitions file, in bytes.
const DEFINITIONS_MAX: u64 = 64 << 20;

/// Options of `import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// Take a file that names no vhost into this one.
    #[arg(long)]
    vhost: Option<String>,
    #[command(flatten)]
    consent: Consent,
}

/// Options of `export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Where to write; standard output if not given.
    file: Option<PathBuf>,
    /// Only this vhost.
    #[arg(long)]
    vhost: Option<String>,
}

impl ImportArgs {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let bytes = read_bounded(&self.file, DEFINITIONS_MAX)?;
        let definitions: Value = serde_json::from_slice(&bytes).map_err(|e| {
            Problem::new(&codes::DEFINITIONS_INVALID, format!("{} is not JSON: {e}", self.file.display()))
        })?;
        let deed = format!("take {} from {}", summary(&definitions), self.file.display());
        if !self.consent.given(&deed, cx)? {
            return Ok(());
        }
        let path = paths::query(&paths::path(&["definitions"]), &[("vhost", self.vhost)]);
        let imported: Imported = cx.client.post(&path, &definitions)?;
        if !cx.out.is_json() {
            for reason in &imported.skipped {
                let _ = writeln!(cx.asides, "left out: {}", printable(reason));
            }
        }
        cx.out.done(&format!("took {}", count_entries(imported.entries)), &imported)
    }
}

impl ExportArgs {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let path = paths::query(&paths::path(&["definitions"]), &[("vhost", self.vhost)]);
        let definitions: Value = cx.client.get(&path)?;
        let mut text = serde_json::to_string_pretty(&definitions)
            .map_err(|e| Problem::new(&codes::INTERNAL, format!("cannot print the definitions: {e}")))?;
        text.push('\n');
        let Some(file) = self.file else { return cx.out.text(&text) };
        let written = File::create(&file).and_then(|mut f| f.write_all(text.as_bytes()));
        written.map_err(|e| {
            Problem::new(&codes::INPUT_UNREADABLE, format!("cannot write {}: {e}", file.display()))
                .because("The definitions go there.")
        })?;
        let done = format!("wrote {} to {}", summary(&definitions), file.display());
        cx.out.done(&done, &serde_json::json!({ "file": file }))
    }
}

/// `2 users, 1 vhost, 10 queues`: what the lists of a definitions file hold.
fn summary(definitions: &Value) -> String {
    let lists = definitions.as_object().into_iter().flatten();
    let counted = lists.filter_map(|(name, value)| {
        let n = value.as_array()?.len();
        let name = name.replace('_', " ");
        (n > 0).then(|| if n == 1 { format!("1 of {name}") } else { format!("{n} {name}") })
    });
    let parts: Vec<String> = counted.collect();
    if parts.is_empty() { "nothing".into() } else { parts.join(", ") }
}

fn count_entries(n: u64) -> String {
    if n == 1 { "1 entry".into() } else { count(n, "entrie") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_count_lists() {
        let file =
            serde_json::json!({"users": [{}], "queues": [{}, {}], "global_parameters": [], "version": "x"});
        assert_eq!(summary(&file), "2 queues, 1 of users");
        assert_eq!(summary(&serde_json::json!([])), "nothing");
        assert_eq!((count_entries(1), count_entries(3)), ("1 entry".into(), "3 entries".into()));
    }
}
