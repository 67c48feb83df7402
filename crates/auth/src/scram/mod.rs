//! Logins by challenge and response: SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677). The password never travels, and
//! what is kept of it does not log anybody in.
//!
//! ```text
//!   client -> n,,n=user,r=nonce                    ClientFirst::parse
//!   server -> r=nonce+ours,s=salt,i=iterations     ScramExchange::begin, server_first
//!   client -> c=biws,r=nonce+ours,p=proof          ScramExchange::finish
//!   server -> v=signature
//! ```
//!
//! A user that does not exist is answered as one that does: with a salt made of its name and a key that lasts as long as
//! the catalogue, so that it is the same each time, and a proof that is never right. Salts and nonces are texts in base 36,
//! as Kafka's own tools make them, so that a made-up one looks like any other. Channel binding is not offered.

mod credential;
mod exchange;
mod message;

pub use credential::{
    ITERATIONS, ITERATIONS_MAX, ITERATIONS_MIN, SECRET_BYTES_MAX, ScramCredential, ScramCredentials,
    ScramFault, ScramMechanism,
};
pub use exchange::{ScramExchange, ScramSecret};
pub use message::{ClientFirst, MESSAGE_BYTES_MAX, name};

/// Bytes of randomness in a salt or nonce, as callers bring them.
pub const RANDOM_BYTES: usize = 17;

/// A salt or nonce: 130 bits of what is given, in base 36.
pub fn random_text(mut random: [u8; RANDOM_BYTES]) -> String {
    random[0] &= 0b11;
    let mut digits = Vec::with_capacity(26);
    while random.iter().any(|&byte| byte != 0) {
        let mut rest = 0u16;
        for byte in &mut random {
            let part = rest << 8 | u16::from(*byte);
            *byte = (part / 36) as u8;
            rest = part % 36;
        }
        digits.push(char::from_digit(u32::from(rest), 36).unwrap_or('0'));
    }
    if digits.is_empty() {
        digits.push('0');
    }
    digits.iter().rev().collect()
}

#[cfg(test)]
mod tests;
