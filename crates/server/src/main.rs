//! The binary `anymq`.

use std::process::ExitCode;

/// Gives memory back after a burst, and keeps chunks of all sizes apart (measured: docs/adr/0007-allocator.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    anymq_server::main()
}
