//! `anymq errors [CODE]`

use anymq_api::Problem;
use anymq_api::codes::{self, Code};

use super::print;

/// Options of `errors`.
#[derive(Debug, clap::Args)]
pub struct Errors {
    /// A number, as 1204 or AnyMQ-1204.
    code: Option<String>,
}

impl Errors {
    pub(crate) fn run(self) -> Result<(), Problem> {
        let Some(wanted) = self.code else {
            let lines = codes::TABLE.iter().map(|code| format!("AnyMQ-{}  {}\n", code.number, code.title));
            return print(&lines.collect::<String>());
        };
        print(&explain(find(&wanted)?))
    }
}

fn find(wanted: &str) -> Result<&'static Code, Problem> {
    let number = wanted.rsplit('-').next().unwrap_or(wanted).parse().ok();
    let code = number.and_then(codes::find);
    code.ok_or_else(|| Problem::new(&codes::NO_SUCH_CODE, format!("{wanted:?} is not in the table")))
}

fn explain(code: &Code) -> String {
    let exit = code.class.exit_code();
    format!("AnyMQ-{}  {}\n\nWhy:  {}\nFix:  {}\nExit: {exit}\n", code.number, code.title, code.why, code.fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_found_however_they_are_written() {
        for wanted in ["1204", "AnyMQ-1204", "anymq-1204"] {
            assert_eq!(find(wanted).map(|c| c.number), Ok(1204), "{wanted}");
        }
        for wanted in ["", "12", "x", "AnyMQ-", "99999999"] {
            assert_eq!(find(wanted).expect_err(wanted).code, codes::NO_SUCH_CODE.number);
        }
        assert!(explain(&codes::QUEUE_DIFFERS).contains("\nFix:  use the existing arguments"));
    }
}
