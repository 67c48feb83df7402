//! Password hashes: our own argon2id, and the salted digests of RabbitMQ's definitions files.
//!
//! Our own string is `$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<digest>`, both parts in base64 without
//! padding. RabbitMQ's is base64 of a 4-byte salt and the digest of salt and password.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::error::HashError;

/// Bytes of salt in a new hash.
pub const SALT_BYTES: usize = 16;
const DIGEST_BYTES: usize = 32;
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Work factors above these are refused on read: a hash that is imported must not become a denial of service.
const MEMORY_KIB_MAX: u32 = 256 * 1024;
const PASSES_MAX: u32 = 16;
const LANES_MAX: u32 = 4;
const IMPORTED_SALT_BYTES: usize = 4;
/// Longest hash string read, in bytes.
const HASH_TEXT_BYTES_MAX: usize = 512;

/// Name of the algorithm of an imported or exported hash, as `hashing_algorithm` of a definitions file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashingAlgorithm {
    /// Our own.
    Argon2id,
    /// RabbitMQ's default.
    Sha256,
    /// RabbitMQ's other one.
    Sha512,
}

impl HashingAlgorithm {
    /// The name in a definitions file.
    pub fn as_str(self) -> &'static str {
        match self {
            HashingAlgorithm::Argon2id => "anymq_argon2id",
            HashingAlgorithm::Sha256 => "rabbit_password_hashing_sha256",
            HashingAlgorithm::Sha512 => "rabbit_password_hashing_sha512",
        }
    }

    /// Reads the name; MD5 and strangers are refused.
    pub fn parse(name: &str) -> Result<Self, HashError> {
        [HashingAlgorithm::Argon2id, HashingAlgorithm::Sha256, HashingAlgorithm::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or_else(|| HashError::UnsupportedAlgorithm(name.chars().take(64).collect()))
    }
}

/// What is kept of a password. `Debug` shows the algorithm only.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    /// No password: the user cannot log in with one.
    None,
    Argon2id {
        memory_kib: u32,
        passes: u32,
        lanes: u32,
        salt: Box<[u8]>,
        digest: [u8; DIGEST_BYTES],
    },
    Sha256 {
        salt: [u8; IMPORTED_SALT_BYTES],
        digest: [u8; 32],
    },
    Sha512 {
        salt: [u8; IMPORTED_SALT_BYTES],
        digest: Box<[u8; 64]>,
    },
}

impl PasswordHash {
    /// The hash of a user without a password.
    pub fn none() -> Self {
        PasswordHash(Kind::None)
    }

    /// Hashes a password with argon2id. Takes tens of milliseconds and 19 MiB; the salt must be random.
    pub fn argon2id(password: &[u8], salt: [u8; SALT_BYTES]) -> Self {
        let digest =
            argon2id(password, &salt, MEMORY_KIB, PASSES, LANES).expect("our own work factors are valid");
        PasswordHash(Kind::Argon2id {
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: salt.into(),
            digest,
        })
    }

    /// Reads a hash from a definitions file. An empty one means no password.
    pub fn import(hash: &str, algorithm: HashingAlgorithm) -> Result<Self, HashError> {
        if hash.is_empty() {
            return Ok(PasswordHash::none());
        }
        if hash.len() > HASH_TEXT_BYTES_MAX {
            return Err(HashError::Malformed("too long"));
        }
        match algorithm {
            HashingAlgorithm::Argon2id => parse_argon2id(hash),
            HashingAlgorithm::Sha256 => {
                let (salt, digest) = salted::<32>(hash, algorithm)?;
                Ok(PasswordHash(Kind::Sha256 { salt, digest }))
            }
            HashingAlgorithm::Sha512 => {
                let (salt, digest) = salted::<64>(hash, algorithm)?;
                Ok(PasswordHash(Kind::Sha512 { salt, digest: Box::new(digest) }))
            }
        }
    }

    /// The text and algorithm of a definitions file; [`PasswordHash::import`] reads them back.
    pub fn export(&self) -> (String, HashingAlgorithm) {
        match &self.0 {
            Kind::None => (String::new(), HashingAlgorithm::Sha256),
            Kind::Argon2id { memory_kib, passes, lanes, salt, digest } => {
                let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
                let text = format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${digest}");
                (text, HashingAlgorithm::Argon2id)
            }
            Kind::Sha256 { salt, digest } => {
                (STANDARD.encode([salt.as_slice(), digest].concat()), HashingAlgorithm::Sha256)
            }
            Kind::Sha512 { salt, digest } => {
                (STANDARD.encode([salt.as_slice(), digest.as_slice()].concat()), HashingAlgorithm::Sha512)
            }
        }
    }

    /// True if the user has a password.
    pub fn is_set(&self) -> bool {
        self.0 != Kind::None
    }

    /// True if the hash is weaker than a new one would be; rehash it after a successful login.
    pub fn is_weak(&self) -> bool {
        match &self.0 {
            Kind::None => false,
            Kind::Argon2id { memory_kib, passes, .. } => *memory_kib < MEMORY_KIB || *passes < PASSES,
            Kind::Sha256 { .. } | Kind::Sha512 { .. } => true,
        }
    }

    /// Whether the password is the one; compared in constant time.
    pub(crate) fn verify(&self, password: &[u8]) -> bool {
        match &self.0 {
            Kind::None => false,
            Kind::Argon2id { memory_kib, passes, lanes, salt, digest } => {
                argon2id(password, salt, *memory_kib, *passes, *lanes)
                    .is_some_and(|actual| actual.ct_eq(digest).into())
            }
            Kind::Sha256 { salt, digest } => {
                let actual: [u8; 32] =
                    Sha256::new().chain_update(salt).chain_update(password).finalize().into();
                actual.ct_eq(digest).into()
            }
            Kind::Sha512 { salt, digest } => {
                let actual: [u8; 64] =
                    Sha512::new().chain_update(salt).chain_update(password).finalize().into();
                actual.ct_eq(digest.as_slice()).into()
            }
        }
    }

    /// True if [`PasswordHash::verify`] costs as much as argon2id does.
    pub(crate) fn is_slow(&self) -> bool {
        matches!(self.0, Kind::Argon2id { .. })
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::None => "none",
            Kind::Argon2id { .. } => "argon2id",
            Kind::Sha256 { .. } => "sha256",
            Kind::Sha512 { .. } => "sha512",
        };
        write!(f, "PasswordHash({kind})")
    }
}

/// Stored as `[algorithm, text]`.
impl Serialize for PasswordHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (text, algorithm) = self.export();
        (algorithm.as_str(), text).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PasswordHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (algorithm, text) = <(String, String)>::deserialize(deserializer)?;
        HashingAlgorithm::parse(&algorithm)
            .and_then(|algorithm| PasswordHash::import(&text, algorithm))
            .map_err(serde::de::Error::custom)
    }
}

fn argon2id(
    password: &[u8],
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
    lanes: u32,
) -> Option<[u8; DIGEST_BYTES]> {
    let params = Params::new(memory_kib, passes, lanes, Some(DIGEST_BYTES)).ok()?;
    let mut digest = [0; DIGEST_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password, salt, &mut digest)
        .ok()?;
    Some(digest)
}

fn salted<const N: usize>(
    text: &str,
    algorithm: HashingAlgorithm,
) -> Result<([u8; IMPORTED_SALT_BYTES], [u8; N]), HashError> {
    let bytes = STANDARD.decode(text).map_err(|_| HashError::Malformed("not base64"))?;
    let expected = IMPORTED_SALT_BYTES + N;
    let length = HashError::Length { algorithm: algorithm.as_str(), actual: bytes.len(), expected };
    let Some((salt, digest)) = bytes.split_first_chunk::<IMPORTED_SALT_BYTES>() else { return Err(length) };
    let digest = <[u8; N]>::try_from(digest).map_err(|_| length)?;
    Ok((*salt, digest))
}

fn parse_argon2id(text: &str) -> Result<PasswordHash, HashError> {
    let malformed = || HashError::Malformed("not an argon2id string");
    let mut parts = text.strip_prefix("$argon2id$v=19$").ok_or_else(malformed)?.split('$');
    let (Some(work), Some(salt), Some(digest), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed());
    };
    let mut factors = [0u32; 3];
    let mut fields = work.split(',');
    for (factor, key) in factors.iter_mut().zip(["m=", "t=", "p="]) {
        let field = fields.next().and_then(|f| f.strip_prefix(key)).ok_or_else(malformed)?;
        *factor = field.parse().map_err(|_| malformed())?;
    }
    let [memory_kib, passes, lanes] = factors;
    if fields.next().is_some() {
        return Err(malformed());
    }
    let in_range = (8..=MEMORY_KIB_MAX).contains(&memory_kib)
        && (1..=PASSES_MAX).contains(&passes)
        && (1..=LANES_MAX).contains(&lanes)
        && memory_kib >= 8 * lanes;
    if !in_range {
        return Err(HashError::Work(work.to_owned()));
    }
    let salt = STANDARD_NO_PAD.decode(salt).map_err(|_| malformed())?;
    if !(8..=64).contains(&salt.len()) {
        return Err(HashError::Malformed("salt is not 8 to 64 bytes"));
    }
    let digest = STANDARD_NO_PAD.decode(digest).map_err(|_| malformed())?;
    let digest = <[u8; DIGEST_BYTES]>::try_from(digest.as_slice()).map_err(|_| HashError::Length {
        algorithm: HashingAlgorithm::Argon2id.as_str(),
        actual: digest.len(),
        expected: DIGEST_BYTES,
    })?;
    Ok(PasswordHash(Kind::Argon2id { memory_kib, passes, lanes, salt: salt.into(), digest }))
}

#[cfg(test)]
mod tests;
