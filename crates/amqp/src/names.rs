//! Names: those the door makes, and what it takes out of those it gets.

use std::borrow::Cow;
use std::sync::Arc;

/// `prefix` and 22 characters of base64url that `seed` decides: different seeds give different names.
pub(crate) fn generate(prefix: &str, seed: [u64; 2]) -> Arc<str> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bits = u128::from(mix(seed[0])) << 64 | u128::from(mix(seed[1]));
    let mut name = String::with_capacity(prefix.len() + 22);
    name.push_str(prefix);
    for _ in 0..22 {
        name.push(char::from(ALPHABET[(bits & 63) as usize]));
        bits >>= 6;
    }
    name.into()
}

/// The mixing step of splitmix64: one to one, so that different numbers stay different.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The name without line breaks, which RabbitMQ takes out of every queue's and exchange's name.
pub(crate) fn clean(name: &str) -> Cow<'_, str> {
    if name.contains(['\r', '\n']) { Cow::Owned(name.replace(['\r', '\n'], "")) } else { Cow::Borrowed(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_differ() {
        let names: std::collections::HashSet<_> = (0..1000).map(|n| generate("amq.ctag-", [7, n])).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 31 && name.starts_with("amq.ctag-")));
    }

    #[test]
    fn line_breaks_go() {
        assert_eq!((clean("a\r\nb\n"), clean("ab")), (Cow::Borrowed("ab"), Cow::Borrowed("ab")));
    }
}
