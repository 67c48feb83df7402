//! Keys that tokens are verified with, each with the algorithms it may be used for.
//!
//! A key of a set (JWKS) is a public one; secrets come from files of the operator only. So no answer of a server, and
//! no public key, ever becomes the secret of an HMAC.

use std::collections::HashMap;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value;

use super::error::KeyError;

/// Largest key set read, in bytes.
pub const JWKS_BYTES_MAX: usize = 256 << 10;
/// Shortest HMAC secret, in bytes: what RFC 7518 section 3.2 asks of HS256.
pub const SECRET_BYTES_MIN: usize = 32;
/// Most keys kept of one set.
const KEYS_MAX: usize = 256;
/// Length of an uncompressed point on P-256 and P-384, in bytes.
const P256_BYTES: usize = 65;
const P384_BYTES: usize = 97;

/// One key.
#[derive(Clone)]
pub struct Key {
    pub(super) decoding: DecodingKey,
    /// What it may be used for.
    algorithms: Vec<Algorithm>,
}

impl Key {
    /// A public key in PEM form.
    ///
    /// # Errors
    /// If it is none, or of a kind that signs no tokens.
    pub fn from_pem(pem: &[u8]) -> Result<Key, KeyError> {
        let decoding = DecodingKey::from_rsa_pem(pem)
            .or_else(|_| DecodingKey::from_ec_pem(pem))
            .or_else(|_| DecodingKey::from_ed_pem(pem))
            .map_err(|_| KeyError::NotPem)?;
        Key::of(decoding).ok_or(KeyError::NotPem)
    }

    /// A secret shared with who signs.
    ///
    /// # Errors
    /// If it is short enough to be guessed.
    pub fn from_secret(secret: &[u8]) -> Result<Key, KeyError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::ShortSecret(secret.len()));
        }
        let decoding = DecodingKey::from_secret(secret);
        Ok(Key { algorithms: decoding.family().algorithms().to_vec(), decoding })
    }

    /// A public key; `None` if it verifies nothing here.
    fn of(decoding: DecodingKey) -> Option<Key> {
        let bytes = decoding.try_get_as_bytes().map_or(0, <[u8]>::len);
        let algorithms = match decoding.family() {
            AlgorithmFamily::Rsa => AlgorithmFamily::Rsa.algorithms().to_vec(),
            AlgorithmFamily::Ec if bytes == P256_BYTES => vec![Algorithm::ES256],
            AlgorithmFamily::Ec if bytes == P384_BYTES => vec![Algorithm::ES384],
            AlgorithmFamily::Ed if bytes == 32 => vec![Algorithm::EdDSA],
            AlgorithmFamily::Ec | AlgorithmFamily::Ed | AlgorithmFamily::Hmac => return None,
        };
        Some(Key { decoding, algorithms })
    }

    /// A public signing key of a set; `None` for everything else.
    fn from_jwk(value: &Value) -> Option<(String, Key)> {
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let is_public = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => true,
            AlgorithmParameters::EllipticCurve(key) => {
                matches!(key.curve, EllipticCurve::P256 | EllipticCurve::P384)
            }
            AlgorithmParameters::OctetKeyPair(key) => key.curve == EllipticCurve::Ed25519,
            _ => false,
        };
        let mut key = Key::of(DecodingKey::from_jwk(&jwk).ok().filter(|_| is_public)?)?;
        if let Some(only) = jwk.common.key_algorithm {
            let only = Algorithm::try_from(only).ok()?;
            key.algorithms.retain(|algorithm| *algorithm == only);
        }
        (!key.algorithms.is_empty()).then(|| (jwk.common.key_id.unwrap_or_default(), key))
    }

    /// Whether tokens may be signed with this key in this way.
    pub(super) fn takes(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({:?})", self.algorithms)
    }
}

/// Keys by their id; a key of a set without an id has the empty one.
pub type Keys = HashMap<String, Key>;

/// The signing keys of a JSON Web Key Set (RFC 7517). Keys of other kinds and for other uses are passed over.
///
/// # Errors
/// If it is no key set, or holds no key that can be used.
pub fn parse_jwks(text: &[u8]) -> Result<Keys, KeyError> {
    if text.len() > JWKS_BYTES_MAX {
        return Err(KeyError::TooLong);
    }
    let set: Value = serde_json::from_slice(text).map_err(|_| KeyError::NotJwks)?;
    let list = set.get("keys").and_then(Value::as_array).ok_or(KeyError::NotJwks)?;
    let keys: Keys = list.iter().filter_map(Key::from_jwk).take(KEYS_MAX).collect();
    match keys.is_empty() {
        true => Err(KeyError::NoneUsable(list.len())),
        false => Ok(keys),
    }
}
