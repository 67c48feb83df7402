//! What is kept of a password for SCRAM.

use std::fmt;
use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac, pbkdf2};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{RANDOM_BYTES, random_text};

/// Fewest rounds of hashing that are taken.
pub const ITERATIONS_MIN: u32 = 4096;
/// Most rounds: a client does this work at each login, and cannot refuse.
pub const ITERATIONS_MAX: u32 = 16_384;
/// Rounds of credentials that are made here.
pub const ITERATIONS: u32 = 8192;
/// Longest salt and longest salted password that are taken, in bytes.
pub const SECRET_BYTES_MAX: usize = 1024;

/// A hash function that SCRAM is used with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScramMechanism {
    /// RFC 7677.
    Sha256,
    /// The same with the longer hash.
    Sha512,
}

impl ScramMechanism {
    /// Both.
    pub const ALL: [ScramMechanism; 2] = [ScramMechanism::Sha256, ScramMechanism::Sha512];

    /// The name of the SASL mechanism.
    pub fn name(self) -> &'static str {
        match self {
            ScramMechanism::Sha256 => "SCRAM-SHA-256",
            ScramMechanism::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The mechanism of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// Bytes of a key.
    pub fn key_bytes(self) -> usize {
        self.hash_algorithm().output_len()
    }

    pub(super) fn hmac(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            ScramMechanism::Sha256 => hmac::HMAC_SHA256,
            ScramMechanism::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), text).as_ref().to_vec()
    }

    pub(super) fn hash(self, bytes: &[u8]) -> Vec<u8> {
        digest::digest(self.hash_algorithm(), bytes).as_ref().to_vec()
    }

    fn salted(self, password: &[u8], salt: &[u8], iterations: NonZeroU32) -> Vec<u8> {
        let algorithm = match self {
            ScramMechanism::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            ScramMechanism::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        let mut salted = vec![0; self.key_bytes()];
        pbkdf2::derive(algorithm, iterations, salt, password, &mut salted);
        salted
    }

    fn hash_algorithm(self) -> &'static digest::Algorithm {
        match self {
            ScramMechanism::Sha256 => &digest::SHA256,
            ScramMechanism::Sha512 => &digest::SHA512,
        }
    }
}

/// Why a credential is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramFault {
    /// Below [`ITERATIONS_MIN`].
    #[error("fewer than {ITERATIONS_MIN} iterations")]
    TooFewIterations,
    /// Above [`ITERATIONS_MAX`].
    #[error("more than {ITERATIONS_MAX} iterations")]
    TooManyIterations,
    /// Longer than [`SECRET_BYTES_MAX`].
    #[error("a salt or salted password of more than {SECRET_BYTES_MAX} bytes")]
    TooLong,
    /// Without a salted password.
    #[error("no salted password")]
    Empty,
    /// Keys of another length than the mechanism's, or not base64.
    #[error("keys that are none of {0}")]
    Keys(&'static str),
}

/// What is kept for one mechanism. `Debug` shows the iterations only.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramCredential {
    pub(super) salt: Box<[u8]>,
    pub(super) iterations: u32,
    pub(super) stored_key: Box<[u8]>,
    pub(super) server_key: Box<[u8]>,
}

impl ScramCredential {
    /// Of a password. Takes milliseconds.
    pub fn of_password(mechanism: ScramMechanism, password: &[u8], random: [u8; RANDOM_BYTES]) -> Self {
        let salt = random_text(random).into_bytes();
        let iterations = NonZeroU32::new(ITERATIONS).expect("it is not zero");
        let salted = mechanism.salted(password, &salt, iterations);
        Self::of_keys(mechanism, &salted, salt.into(), ITERATIONS)
    }

    /// Of what a client has made of a password: `salted` is PBKDF2 of it.
    ///
    /// # Errors
    /// Bounds that are not kept.
    pub fn of_salted(
        mechanism: ScramMechanism,
        salted: &[u8],
        salt: &[u8],
        iterations: i32,
    ) -> Result<Self, ScramFault> {
        let iterations = checked(iterations.into())?;
        if salted.is_empty() {
            return Err(ScramFault::Empty);
        }
        if salt.len().max(salted.len()) > SECRET_BYTES_MAX {
            return Err(ScramFault::TooLong);
        }
        Ok(Self::of_keys(mechanism, salted, salt.into(), iterations))
    }

    fn of_keys(mechanism: ScramMechanism, salted: &[u8], salt: Box<[u8]>, iterations: u32) -> Self {
        let client_key = mechanism.hmac(salted, b"Client Key");
        ScramCredential {
            salt,
            iterations,
            stored_key: mechanism.hash(&client_key).into(),
            server_key: mechanism.hmac(salted, b"Server Key").into(),
        }
    }

    /// Rounds of hashing.
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    pub(super) fn fits(&self, mechanism: ScramMechanism) -> bool {
        [&self.stored_key, &self.server_key].iter().all(|key| key.len() == mechanism.key_bytes())
    }
}

fn checked(iterations: i64) -> Result<u32, ScramFault> {
    if iterations < i64::from(ITERATIONS_MIN) {
        return Err(ScramFault::TooFewIterations);
    }
    u32::try_from(iterations)
        .ok()
        .filter(|&iterations| iterations <= ITERATIONS_MAX)
        .ok_or(ScramFault::TooManyIterations)
}

impl fmt::Debug for ScramCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramCredential").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

/// As it is stored: all bytes in base64.
#[derive(Serialize, Deserialize)]
struct Stored {
    salt: String,
    iterations: u32,
    stored_key: String,
    server_key: String,
}

impl Serialize for ScramCredential {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = |bytes: &[u8]| STANDARD.encode(bytes);
        Stored {
            salt: text(&self.salt),
            iterations: self.iterations,
            stored_key: text(&self.stored_key),
            server_key: text(&self.server_key),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ScramCredential {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let stored = Stored::deserialize(deserializer)?;
        let bytes = |text: &str| {
            let decoded = STANDARD.decode(text).map_err(|_| ScramFault::Keys("base64"))?;
            if decoded.len() > SECRET_BYTES_MAX { Err(ScramFault::TooLong) } else { Ok(decoded.into()) }
        };
        Ok(ScramCredential {
            salt: bytes(&stored.salt).map_err(Error::custom)?,
            iterations: checked(stored.iterations.into()).map_err(Error::custom)?,
            stored_key: bytes(&stored.stored_key).map_err(Error::custom)?,
            server_key: bytes(&stored.server_key).map_err(Error::custom)?,
        })
    }
}

/// What is kept of one user's password, by mechanism.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScramCredentials {
    #[serde(rename = "SCRAM-SHA-256", skip_serializing_if = "Option::is_none")]
    sha256: Option<ScramCredential>,
    #[serde(rename = "SCRAM-SHA-512", skip_serializing_if = "Option::is_none")]
    sha512: Option<ScramCredential>,
}

impl<'de> Deserialize<'de> for ScramCredentials {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Form {
            #[serde(rename = "SCRAM-SHA-256", default)]
            sha256: Option<ScramCredential>,
            #[serde(rename = "SCRAM-SHA-512", default)]
            sha512: Option<ScramCredential>,
        }
        let Form { sha256, sha512 } = Form::deserialize(deserializer)?;
        let all = ScramCredentials { sha256, sha512 };
        let misfit = all.iter().find(|(mechanism, credential)| !credential.fits(*mechanism));
        match misfit.map(|(mechanism, _)| mechanism) {
            Some(mechanism) => Err(serde::de::Error::custom(ScramFault::Keys(mechanism.name()))),
            None => Ok(all),
        }
    }
}

impl ScramCredentials {
    /// Of a password, for every mechanism. Takes milliseconds; `random` gives other bytes each time.
    pub fn of_password(password: &[u8], mut random: impl FnMut() -> [u8; RANDOM_BYTES]) -> Self {
        let mut all = ScramCredentials::default();
        for mechanism in ScramMechanism::ALL {
            all.set(mechanism, Some(ScramCredential::of_password(mechanism, password, random())));
        }
        all
    }

    /// That of a mechanism.
    pub fn get(&self, mechanism: ScramMechanism) -> Option<&ScramCredential> {
        match mechanism {
            ScramMechanism::Sha256 => self.sha256.as_ref(),
            ScramMechanism::Sha512 => self.sha512.as_ref(),
        }
    }

    /// Puts or removes that of a mechanism.
    pub fn set(&mut self, mechanism: ScramMechanism, credential: Option<ScramCredential>) {
        match mechanism {
            ScramMechanism::Sha256 => self.sha256 = credential,
            ScramMechanism::Sha512 => self.sha512 = credential,
        }
    }

    /// Those there are.
    pub fn iter(&self) -> impl Iterator<Item = (ScramMechanism, &ScramCredential)> {
        ScramMechanism::ALL.into_iter().filter_map(|mechanism| Some((mechanism, self.get(mechanism)?)))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}
