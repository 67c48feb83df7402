//! The anymq binary.
fn main() {}
