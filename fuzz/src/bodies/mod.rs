//! What each target does with an input, and the seeds it starts from.

#![allow(unreachable_pub, reason = "a test takes this folder in as a module of its own")]

mod definitions;
mod journal;
mod props;
mod record;
mod tokens;
mod wire;

/// One decoder under test.
pub struct Target {
    /// Name of the target, as cargo-fuzz knows it.
    pub name: &'static str,
    /// Does everything with one input; panics on what must not be.
    pub body: fn(&[u8]),
    /// Valid inputs, and some that are nearly so.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Bytes that the body may hold besides four times its input.
    pub base: usize,
}

impl Target {
    /// Most bytes that the body may hold at once for an input of `len` bytes.
    pub fn peak_max(&self, len: usize) -> usize {
        4 * len + self.base
    }
}

/// What every decoder of a stranger's bytes may hold besides four times its input.
const MIB: usize = 1 << 20;

/// All targets.
pub const ALL: &[Target] = &[
    Target { name: "amqp_frames", body: wire::frames, seeds: wire::frame_seeds, base: MIB },
    Target { name: "amqp_methods", body: wire::methods, seeds: wire::method_seeds, base: MIB },
    Target { name: "sasl", body: wire::sasl, seeds: wire::sasl_seeds, base: MIB },
    Target { name: "scopes", body: tokens::scopes, seeds: tokens::scope_seeds, base: MIB },
    Target { name: "tokens", body: tokens::tokens, seeds: tokens::token_seeds, base: MIB },
    Target { name: "props_block", body: props::block, seeds: props::block_seeds, base: MIB },
    Target { name: "props_table", body: props::table, seeds: props::table_seeds, base: MIB },
    Target { name: "records", body: record::records, seeds: record::seeds, base: MIB },
    Target { name: "definitions", body: definitions::definitions, seeds: definitions::seeds, base: MIB },
    Target { name: "journal", body: journal::journal, seeds: journal::seeds, base: journal::BASE },
];
