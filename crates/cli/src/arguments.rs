//! `--arg name=value` for queues, exchanges and bindings.

use anymq_api::{Arguments, Problem, codes};
use serde_json::Value;

use crate::Result;

/// Reads `name=value` pairs. A value that is JSON is taken as such (`5`, `true`, `"5"`), any other as text.
pub(crate) fn parse(pairs: &[String]) -> Result<Arguments> {
    let mut arguments = Arguments::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            let what = format!("argument {pair:?} is not name=value");
            return Err(
                Problem::new(&codes::ARGUMENT_INVALID, what).fix("write it as --arg x-max-length=1000")
            );
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        if arguments.insert(name.to_owned(), value).is_some() {
            return Err(Problem::new(&codes::ARGUMENT_INVALID, format!("argument {name:?} is given twice")));
        }
    }
    Ok(arguments)
}

/// `name=value name=value`, for tables.
pub(crate) fn show(arguments: &Arguments) -> String {
    let pairs = arguments.iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    pairs.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_type() {
        let pairs = [
            "x-max-length=5",
            "x-queue-type=quorum",
            "x-single-active-consumer=true",
            "note=\"5\"",
            "eq=a=b",
        ];
        let arguments = parse(&pairs.map(str::to_owned)).expect("all are pairs");
        let expected = serde_json::json!({
            "x-max-length": 5, "x-queue-type": "quorum", "x-single-active-consumer": true, "note": "5", "eq": "a=b"
        });
        assert_eq!(Value::Object(arguments.clone()), expected);
        assert!(show(&arguments).contains("x-queue-type=quorum"));
        for wrong in [vec!["novalue"], vec!["=5"], vec!["a=1", "a=2"]] {
            let wrong: Vec<String> = wrong.into_iter().map(str::to_owned).collect();
            assert_eq!(parse(&wrong).expect_err("refused").code, codes::ARGUMENT_INVALID.number);
        }
    }
}
