//! The binary `anymq`.

use std::process::ExitCode;

fn main() -> ExitCode {
    anymq_server::main()
}
