//! Several loads in a row: a file of cases, or steps of the rate.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::load::Load;

/// A named load.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Case<L> {
    pub(crate) name: String,
    pub(crate) load: L,
}

/// Reads a TOML file: `[defaults]` for all, then `[[case]]` tables with a `name` and the flags as keys.
pub(crate) fn read<L: Load>(path: &Path) -> Result<Vec<Case<L>>> {
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

fn parse<L: Load>(text: &str) -> Result<Vec<Case<L>>> {
    let file: File = toml::from_str(text)?;
    let mut cases = Vec::new();
    for (index, own) in file.case.into_iter().enumerate() {
        let mut table = file.defaults.clone();
        table.extend(own);
        let Some(toml::Value::String(name)) = table.remove("name") else {
            bail!("case {} has no name", index + 1);
        };
        let load = L::deserialize(table).with_context(|| format!("case {name:?}"))?;
        load.validate().with_context(|| format!("case {name:?}"))?;
        cases.push(Case { name, load });
    }
    Ok(cases)
}

/// The load at each of the rates.
pub(crate) fn steps<L: Load>(load: &L, rates: &[u64]) -> Vec<Case<L>> {
    rates.iter().map(|rate| Case { name: format!("{rate} msg/s"), load: load.at_rate(*rate) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{amqp, kafka};

    #[test]
    fn cases_take_the_defaults_of_the_file() {
        let cases = parse::<amqp::Load>(
            "[defaults]\nsize = 16\nwarmup = '0s'\n[[case]]\nname = 'a'\n[[case]]\nname = 'b'\nsize = 32\nauto-ack = true\n",
        )
        .expect("valid");
        let told: Vec<_> =
            cases.iter().map(|case| format!("{}: {}", case.name, case.load.describe())).collect();
        assert_eq!(told, ["a: 1 to 1, 16 B, ack, prefetch 1000", "b: 1 to 1, 32 B, auto-ack"]);
    }

    #[test]
    fn the_cases_that_are_published_can_be_run() {
        let file = |name: &str| {
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../docs/benchmarks/{name}.toml"))
        };
        let told = read::<amqp::Load>(&file("amqp")).expect("valid cases").len();
        assert!(told >= 14, "{told} cases");
        let cases = read::<kafka::Load>(&file("kafka")).expect("valid cases");
        for partitions in [1, 8] {
            let of = cases.iter().filter(|case| case.load.partitions == partitions);
            assert!(of.count() >= 6, "{partitions} partitions");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("[[case]]\nsize = 16", "case 1 has no name"),
            ("[[case]]\nname = 'a'\nsizes = 16", "unknown field `sizes`"),
            ("[[case]]\nname = 'a'\nsize = 1", "size is 8"),
            ("[default]\n[[case]]\nname = 'a'", "unknown field `default`"),
        ] {
            let error = format!("{:#}", parse::<amqp::Load>(text).expect_err(text));
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn steps_differ_in_the_rate_only() {
        let cases = steps(&amqp::Load::default(), &[10, 20]);
        assert_eq!(cases.iter().map(|case| case.load.rate).collect::<Vec<_>>(), [10, 20]);
    }
}
