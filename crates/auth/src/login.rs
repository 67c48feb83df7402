//! Logging in: the loopback rule, the stored hash, and a short memory of logins that succeeded.
//!
//! ```text
//!   attempt -> admit (loopback, blank, length) -> cached? -> verify (argon2id, on a blocking thread) -> remember
//! ```
//!
//! Remembered is a digest of user, stored hash and password under a key that lives as long as the process; so a
//! changed password is not found, and the memory tells nothing to who reads it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use anymq_types::Millis;
use sha2::{Digest, Sha256};

use crate::error::Refusal;
use crate::password::{PasswordHash, SALT_BYTES};
use crate::scram::ScramExchange;

/// Longest password looked at, in bytes.
pub(crate) const PASSWORD_BYTES_MAX: usize = 4096;

/// Which users may log in from this host only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopbackUsers(Vec<String>);

impl LoopbackUsers {
    /// The users named.
    pub fn new(users: Vec<String>) -> Self {
        LoopbackUsers(users)
    }

    /// Whether the user may come from that address. `peer` is the other end of the socket itself; an address a
    /// proxy reports counts only if the proxy is trusted.
    pub fn admits(&self, user: &str, peer: IpAddr) -> bool {
        peer.to_canonical().is_loopback() || !self.0.iter().any(|u| u == user)
    }
}

impl Default for LoopbackUsers {
    /// `guest`.
    fn default() -> Self {
        LoopbackUsers(vec!["guest".to_owned()])
    }
}

/// Settings of an [`Authenticator`].
#[derive(Clone, Debug)]
pub struct Config {
    /// Users that may log in from this host only.
    pub loopback_users: LoopbackUsers,
    /// How long a login is remembered, in milliseconds; 0 remembers none.
    pub remember_ms: u64,
    /// Most logins remembered; each takes about 50 bytes.
    pub remembered_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config { loopback_users: LoopbackUsers::default(), remember_ms: 60_000, remembered_max: 16_384 }
    }
}

/// One attempt to log in with a password.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The user as the client names it.
    pub user: &'a str,
    /// The password as the client sends it.
    pub password: &'a [u8],
    /// The other end of the socket.
    pub peer: IpAddr,
    /// The time.
    pub now: Millis,
}

/// Checks passwords. Shared by all connections; never blocks but for its own short lock.
pub struct Authenticator {
    config: Config,
    key: [u8; 32],
    /// Worked on when there is nothing to compare with, so that a user that does not exist takes as long.
    decoy: OnceLock<PasswordHash>,
    remembered: Mutex<Remembered>,
}

impl Authenticator {
    /// An authenticator with a random key, made anew at each start.
    pub fn new(config: Config, key: [u8; 32]) -> Self {
        let remembered = Mutex::new(Remembered::new(&config));
        Authenticator { config, key, decoy: OnceLock::new(), remembered }
    }

    /// Whether the user may come from that address, however it proves who it is.
    pub fn admits_from(&self, user: &str, peer: IpAddr) -> bool {
        self.config.loopback_users.admits(user, peer)
    }

    /// The checks that cost nothing, then the memory of past logins: `Ok(true)` is a login, `Ok(false)` means call
    /// [`Authenticator::verify`] on a blocking thread. `stored` is `None` if there is no such user.
    pub fn admit(&self, attempt: Attempt<'_>, stored: Option<&PasswordHash>) -> Result<bool, Refusal> {
        if !self.config.loopback_users.admits(attempt.user, attempt.peer) {
            return Err(Refusal::LoopbackOnly);
        }
        if attempt.password.is_empty() {
            return Err(Refusal::BlankPassword);
        }
        if attempt.password.len() > PASSWORD_BYTES_MAX {
            return Err(Refusal::PasswordTooLong);
        }
        let Some(stored) = stored else { return Ok(false) };
        let tag = self.tag(attempt, stored);
        Ok(self.remembered().contains(&tag, attempt.now))
    }

    /// The whole check. Takes one argon2id unless the login is remembered, also for users that do not exist.
    pub fn verify(&self, attempt: Attempt<'_>, stored: Option<&PasswordHash>) -> Result<(), Refusal> {
        if self.admit(attempt, stored)? {
            return Ok(());
        }
        let matches = stored.is_some_and(|hash| hash.verify(attempt.password));
        if !matches {
            if !stored.is_some_and(PasswordHash::is_slow) {
                self.decoy().verify(attempt.password);
            }
            return Err(Refusal::BadCredentials);
        }
        if let Some(stored) = stored {
            let tag = self.tag(attempt, stored);
            self.remembered().insert(tag, attempt.now);
        }
        Ok(())
    }

    /// Whether this very credential was proved lately.
    pub fn is_remembered(&self, exchange: &ScramExchange, now: Millis) -> bool {
        self.remembered().contains(&self.scram_tag(exchange), now)
    }

    /// The credential was proved.
    pub fn remember(&self, exchange: &ScramExchange, now: Millis) {
        self.remembered().insert(self.scram_tag(exchange), now);
    }

    fn scram_tag(&self, exchange: &ScramExchange) -> [u8; 32] {
        digest(&self.key, &[b"scram", exchange.user().as_bytes(), exchange.fingerprint(), b""])
    }

    /// Forgets every remembered login.
    pub fn forget_all(&self) {
        self.remembered().clear();
    }

    /// Made at the first refusal, which then takes one argon2id longer; start-up does not wait for it.
    fn decoy(&self) -> &PasswordHash {
        self.decoy.get_or_init(|| {
            let salt = digest(&self.key, &[b"decoy"]);
            let nobody = digest(&self.key, &[b"nobody"]);
            PasswordHash::argon2id(&nobody, salt[..SALT_BYTES].try_into().expect("32 > 16"))
        })
    }

    fn tag(&self, attempt: Attempt<'_>, stored: &PasswordHash) -> [u8; 32] {
        digest(&self.key, &[attempt.user.as_bytes(), stored.export().0.as_bytes(), attempt.password])
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        // A map of digests is valid after any panic: at worst a login is forgotten.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SHA-256 under a key that never leaves the process; parts are length-prefixed, so none runs into the next.
fn digest(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(key);
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Two generations: inserts go to the young one; when it is half the bound or as old as a login may be remembered,
/// it becomes the old one. So the bound holds, and forgetting costs nothing per login.
struct Remembered {
    young: HashMap<[u8; 32], Millis>,
    old: HashMap<[u8; 32], Millis>,
    young_since: Millis,
    remember_ms: u64,
    generation_max: usize,
}

impl Remembered {
    fn new(config: &Config) -> Self {
        Remembered {
            young: HashMap::new(),
            old: HashMap::new(),
            young_since: Millis(0),
            remember_ms: config.remember_ms,
            generation_max: config.remembered_max / 2,
        }
    }

    fn contains(&self, tag: &[u8; 32], now: Millis) -> bool {
        let at = self.young.get(tag).or_else(|| self.old.get(tag));
        at.is_some_and(|at| now.0.saturating_sub(at.0) < self.remember_ms)
    }

    fn insert(&mut self, tag: [u8; 32], now: Millis) {
        if self.remember_ms == 0 || self.generation_max == 0 {
            return;
        }
        let aged = now.0.saturating_sub(self.young_since.0) >= self.remember_ms;
        if aged || self.young.len() >= self.generation_max {
            self.old = std::mem::take(&mut self.young);
            self.young_since = now;
        }
        self.young.insert(tag, now);
    }

    fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests;
