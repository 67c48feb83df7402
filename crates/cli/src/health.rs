//! `anymq health`

use anymq_api::{Health, Problem, codes};

use crate::{Cx, Result};

/// Options of `health`.
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    pub(crate) fn run(self, cx: &mut Cx<'_>) -> Result<()> {
        let (_, body) = cx.client.get_open("/health/ready")?;
        let health: Health = serde_json::from_slice(&body).map_err(|e| {
            Problem::new(&codes::ANSWER_STRANGE, format!("/health/ready answered something else: {e}"))
        })?;
        if health.ready && health.problems.is_empty() {
            return cx.out.done("all good: the broker serves", &health);
        }
        if cx.out.is_json() {
            cx.out.one(&health)?;
        }
        Err(problem(&health))
    }
}

/// The one thing to say about a broker that is not well.
fn problem(health: &Health) -> Problem {
    let reading = health.percent.map(|p| format!(", {p} % of the journal read")).unwrap_or_default();
    let listed = health.problems.join("; ");
    match health.state.as_str() {
        "starting" => Problem::new(&codes::STARTING, format!("the broker is starting{reading}")),
        "failed" => Problem::new(&codes::DATA_FAILED, format!("the broker cannot go on: {listed}")),
        "draining" => Problem::new(&codes::STARTING, "the broker is shutting down")
            .because("It takes leave of its clients.")
            .fix("start it again, or ask another one"),
        _ if listed.contains("memory") => Problem::new(&codes::MEMORY_ALARM, listed),
        _ if listed.contains("disk") => Problem::new(&codes::DISK_ALARM, listed),
        _ => Problem::new(&codes::INTERNAL, format!("the broker is {}: {listed}", health.state)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        let health = |state: &str, percent, problems: &[&str]| Health {
            ready: false,
            state: state.into(),
            percent,
            problems: problems.iter().map(|p| (*p).to_owned()).collect(),
        };
        let cases = [
            (health("starting", Some(40), &[]), 1307, "40 % of the journal"),
            (health("failed", None, &["fsync failed"]), 1406, "fsync failed"),
            (health("ready", None, &["low on memory"]), 1502, "low on memory"),
            (health("ready", None, &["low on disk"]), 1503, "low on disk"),
            (health("draining", None, &[]), 1307, "shutting down"),
        ];
        for (health, code, text) in cases {
            let problem = problem(&health);
            assert_eq!(problem.code, code, "{problem}");
            assert!(problem.what.contains(text), "{problem}");
        }
    }
}
