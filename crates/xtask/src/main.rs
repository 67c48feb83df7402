//! Chores of this repository: tidy, docs, test, ci.
fn main() {}
