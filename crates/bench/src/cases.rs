//! Several loads in a row: a file of cases, or steps of the rate.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::load::Load;

/// A named load.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) load: Load,
}

/// Reads a TOML file: `[defaults]` for all, then `[[case]]` tables with a `name` and the flags as keys.
pub(crate) fn read(path: &Path) -> Result<Vec<Case>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    parse(&text).with_context(|| format!("in {}", path.display()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    defaults: toml::Table,
    case: Vec<toml::Table>,
}

fn parse(text: &str) -> Result<Vec<Case>> {
    let file: File = toml::from_str(text)?;
    let mut cases = Vec::new();
    for (index, own) in file.case.into_iter().enumerate() {
        let mut table = file.defaults.clone();
        table.extend(own);
        let Some(toml::Value::String(name)) = table.remove("name") else {
            bail!("case {} has no name", index + 1);
        };
        let load = Load::deserialize(table).with_context(|| format!("case {name:?}"))?;
        load.validate().with_context(|| format!("case {name:?}"))?;
        cases.push(Case { name, load });
    }
    Ok(cases)
}

/// The load at each of the rates.
pub(crate) fn steps(load: &Load, rates: &[u64]) -> Vec<Case> {
    rates
        .iter()
        .map(|rate| Case { name: format!("{rate} msg/s"), load: Load { rate: *rate, ..load.clone() } })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_take_the_defaults_of_the_file() {
        let cases = parse(
            "[defaults]\nsize = 16\nwarmup = '0s'\n[[case]]\nname = 'a'\n[[case]]\nname = 'b'\nsize = 32\nauto-ack = true\n",
        )
        .expect("valid");
        let told: Vec<_> =
            cases.iter().map(|case| format!("{}: {}", case.name, case.load.describe())).collect();
        assert_eq!(told, ["a: 1 to 1, 16 B, ack, prefetch 1000", "b: 1 to 1, 32 B, auto-ack"]);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("[[case]]\nsize = 16", "case 1 has no name"),
            ("[[case]]\nname = 'a'\nsizes = 16", "unknown field `sizes`"),
            ("[[case]]\nname = 'a'\nsize = 1", "size is 8"),
            ("[default]\n[[case]]\nname = 'a'", "unknown field `default`"),
        ] {
            let error = format!("{:#}", parse(text).expect_err(text));
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn steps_differ_in_the_rate_only() {
        let cases = steps(&Load::default(), &[10, 20]);
        assert_eq!(cases.iter().map(|case| case.load.rate).collect::<Vec<_>>(), [10, 20]);
    }
}
