//! One login, from the server's side.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::ConstantTimeEq;

use super::credential::{ScramCredential, ScramMechanism};
use super::message::{ClientFinal, ClientFirst};
use super::{RANDOM_BYTES, random_text};

/// What answers are made of for users that do not exist. Kept with the users, so that answers stay the same.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramSecret([u8; 32]);

impl ScramSecret {
    /// Of random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        ScramSecret(random)
    }

    /// A credential that nobody has the password of. The same for the same name.
    fn credential(&self, mechanism: ScramMechanism, user: &str, iterations: u32) -> ScramCredential {
        let key = hmac::Key::new(hmac::HMAC_SHA512, &self.0);
        let derive = |what: &str| {
            let mut context = hmac::Context::with_key(&key);
            context.update(what.as_bytes());
            context.update(mechanism.name().as_bytes());
            context.update(user.as_bytes());
            context.sign()
        };
        let random: [u8; RANDOM_BYTES] =
            derive("salt").as_ref()[..RANDOM_BYTES].try_into().expect("64 bytes are more than 17");
        let bytes = mechanism.key_bytes();
        ScramCredential {
            salt: random_text(random).into_bytes().into(),
            iterations,
            stored_key: derive("stored key").as_ref()[..bytes].into(),
            server_key: derive("server key").as_ref()[..bytes].into(),
        }
    }
}

impl fmt::Debug for ScramSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramSecret")
    }
}

/// In base64.
impl Serialize for ScramSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for ScramSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes
            .map(ScramSecret)
            .ok_or_else(|| serde::de::Error::custom("a secret that is not 32 bytes of base64"))
    }
}

/// A login between the client's first message and its last.
pub struct ScramExchange {
    mechanism: ScramMechanism,
    user: Box<str>,
    /// The user's, or one made up for it.
    credential: ScramCredential,
    is_known: bool,
    /// In base64, as the last message has it.
    gs2: String,
    server_first: String,
    /// The first two messages, as they are signed.
    signed: String,
}

impl ScramExchange {
    /// Answers a first message. `stored` is `None` if there is no such user, or nothing is kept for it; `iterations` is what
    /// it is then said to have.
    pub fn begin(
        mechanism: ScramMechanism,
        first: &ClientFirst<'_>,
        stored: Option<&ScramCredential>,
        (secret, iterations): (&ScramSecret, u32),
        random: [u8; RANDOM_BYTES],
    ) -> Self {
        // Made in any case: a stranger takes as long as anybody.
        let made_up = secret.credential(mechanism, &first.user, iterations);
        let stored = stored.filter(|stored| stored.fits(mechanism));
        let credential = stored.cloned().unwrap_or(made_up);
        let server_first = format!(
            "r={}{},s={},i={}",
            first.nonce,
            random_text(random),
            STANDARD.encode(&credential.salt),
            credential.iterations
        );
        ScramExchange {
            mechanism,
            user: first.user.as_ref().into(),
            is_known: stored.is_some(),
            credential,
            gs2: STANDARD.encode(first.gs2),
            signed: format!("{},{server_first},", first.bare),
            server_first,
        }
    }

    /// Who wants to log in.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The answer to the first message.
    pub fn server_first(&self) -> &str {
        &self.server_first
    }

    /// Takes the last message; the answer to it, if it proves the password.
    pub fn finish(&self, message: &[u8]) -> Option<String> {
        let last = ClientFinal::parse(message)?;
        let nonce = self.server_first.split(',').next()?.strip_prefix("r=")?;
        if last.gs2 != self.gs2 || last.nonce != nonce {
            return None;
        }
        let mut client_key = STANDARD.decode(last.proof).ok()?;
        let signed = [self.signed.as_str(), last.without_proof].concat();
        let signature = self.mechanism.hmac(&self.credential.stored_key, signed.as_bytes());
        if client_key.len() != signature.len() {
            return None;
        }
        client_key.iter_mut().zip(&signature).for_each(|(byte, other)| *byte ^= other);
        let is_right: bool = self.mechanism.hash(&client_key).ct_eq(&self.credential.stored_key).into();
        let answer = self.mechanism.hmac(&self.credential.server_key, signed.as_bytes());
        (is_right && self.is_known).then(|| format!("v={}", STANDARD.encode(answer)))
    }

    /// What tells this credential from the one that replaces it.
    pub(crate) fn fingerprint(&self) -> &[u8] {
        &self.credential.stored_key
    }
}

impl fmt::Debug for ScramExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramExchange").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

#[cfg(test)]
impl ScramExchange {
    /// Puts another nonce in the place of the one that was made: for examples that are given.
    pub(super) fn replace_nonce(&mut self, nonce: &str) {
        let old = self.server_first.split(',').next().expect("it has parts").to_owned();
        let new = format!("r={nonce}");
        self.server_first = self.server_first.replacen(&old, &new, 1);
        let bare_end = self.signed.rfind(&old).expect("it is in there");
        self.signed = format!("{}{new}{}", &self.signed[..bare_end], &self.signed[bare_end + old.len()..]);
    }
}
