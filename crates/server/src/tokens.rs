//! The keys that access tokens are verified with: read from files, and fetched.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anymq_api::{Problem, codes};
use anymq_auth::oauth2::{
    Config, JWKS_BYTES_MAX, Key, KeyError, Keys, TokenVerifier, assignment, parse_jwks,
};
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};

/// How long one fetch may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest key file, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Where systems keep the authorities they trust.
const SYSTEM_AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Token logins, as configured.
pub(crate) struct Tokens {
    config: Config,
    verifier: Arc<TokenVerifier>,
}

impl Tokens {
    /// Reads the keys and begins to fetch those that are elsewhere; `None` if no tokens are taken.
    pub(crate) fn start(config: &Config) -> Result<Option<Tokens>, Problem> {
        if !config.enabled {
            return Ok(None);
        }
        let verifier = TokenVerifier::new(config).map_err(|reason| bad("algorithms", &reason))?;
        let tokens = Tokens { config: config.clone(), verifier: Arc::new(verifier) };
        tokens.reload()?;
        if !config.jwks_url.is_empty() {
            let fetcher = Fetcher {
                agent: agent(&config.jwks_ca)?,
                url: config.jwks_url.clone(),
                verifier: tokens.verifier.clone(),
            };
            let period = config.jwks_refresh;
            std::thread::Builder::new()
                .name("anymq-jwks".into())
                .spawn(move || fetcher.run(period))
                .map_err(|e| Problem::new(&codes::RUNTIME_START, format!("cannot start a thread: {e}")))?;
        }
        Ok(Some(tokens))
    }

    /// What the broker verifies tokens with.
    pub(crate) fn verifier(&self) -> Arc<TokenVerifier> {
        self.verifier.clone()
    }

    /// Reads the key files again; if one is not usable, all keys stay as they were.
    pub(crate) fn reload(&self) -> Result<(), Problem> {
        self.verifier.set_keys(read_keys(&self.config)?);
        Ok(())
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        if let Some(refresh) = self.verifier.refresh() {
            refresh.close();
        }
    }
}

fn read_keys(config: &Config) -> Result<Keys, Problem> {
    let mut keys = Keys::new();
    if !config.jwks_file.as_os_str().is_empty() {
        let text = read("jwks_file", &config.jwks_file)?;
        keys = parse_jwks(&text).map_err(|e| unusable("jwks_file", &config.jwks_file, &e))?;
    }
    type Reader = fn(&[u8]) -> Result<Key, KeyError>;
    let lists: [(&str, &[String], Reader); 2] = [
        ("signing_keys", &config.signing_keys, Key::from_pem),
        ("secrets", &config.secrets, |text| Key::from_secret(without_line_end(text))),
    ];
    for (setting, entries, reader) in lists {
        for (id, path) in entries.iter().filter_map(|entry| assignment(entry)) {
            let key =
                reader(&read(setting, path.as_ref())?).map_err(|e| unusable(setting, path.as_ref(), &e))?;
            if keys.insert(id.to_owned(), key).is_some() {
                return Err(bad(setting, &format!("names the key {id:?}, which there is already")));
            }
        }
    }
    Ok(keys)
}

fn without_line_end(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.strip_suffix(b"\r").unwrap_or(text)
}

fn read(setting: &str, path: &Path) -> Result<Vec<u8>, Problem> {
    let failed = |reason: String| bad(setting, &format!("names {}: {reason}", path.display()));
    let size = std::fs::metadata(path).map_err(|e| failed(e.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(failed(format!("it has {size} bytes, at most {FILE_BYTES_MAX} are read")));
    }
    std::fs::read(path).map_err(|e| failed(e.to_string()))
}

fn unusable(setting: &str, path: &Path, error: &KeyError) -> Problem {
    bad(setting, &format!("names {}: {error}", path.display()))
}

fn bad(setting: &str, reason: &str) -> Problem {
    Problem::new(&codes::CONFIG_BAD_VALUE, format!("auth.oauth2.{setting} {reason}"))
}

/// A client that trusts the authorities of one file, or of the system, and goes to https URLs only.
fn agent(authorities: &Path) -> Result<Agent, Problem> {
    let path = match authorities.as_os_str().is_empty() {
        false => authorities,
        true => SYSTEM_AUTHORITIES
            .iter()
            .map(Path::new)
            .find(|path| path.exists())
            .ok_or_else(|| bad("jwks_ca", "is empty, and this system has no list of authorities"))?,
    };
    let text = read("jwks_ca", path)?;
    let items = ureq::tls::parse_pem(&text).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Certificate::to_owned(&certificate)),
        _ => None,
    });
    let roots: Vec<_> = items.collect();
    if roots.is_empty() {
        return Err(bad("jwks_ca", &format!("names {}: there is no certificate in it", path.display())));
    }
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Agent::config_builder()
        .timeout_global(Some(FETCH_TIMEOUT))
        .https_only(true)
        .max_redirects(0)
        .proxy(None)
        .user_agent(concat!("anymq/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls);
    Ok(config.build().into())
}

/// The thread that fetches the key set.
struct Fetcher {
    agent: Agent,
    url: String,
    verifier: Arc<TokenVerifier>,
}

impl Fetcher {
    fn run(&self, period: Duration) {
        let Some(refresh) = self.verifier.refresh() else { return };
        loop {
            match self.fetch() {
                Ok(keys) => {
                    tracing::info!(url = self.url, keys = keys.len(), "token keys fetched");
                    self.verifier.set_fetched(keys);
                }
                Err(error) => {
                    tracing::error!(url = self.url, error, "token keys not fetched, the old ones stay")
                }
            }
            refresh.done();
            if !refresh.wait(period) {
                return;
            }
        }
    }

    fn fetch(&self) -> Result<Keys, String> {
        let response = self.agent.get(&self.url).header("accept", "application/json").call();
        let mut response = response.map_err(|e| e.to_string())?;
        if response.status() != 200 {
            return Err(format!("the answer has status {}", response.status().as_u16()));
        }
        let body = response.body_mut().with_config().limit(JWKS_BYTES_MAX as u64 + 1).read_to_vec();
        parse_jwks(&body.map_err(|e| e.to_string())?).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path) -> Config {
        std::fs::write(dir.join("secret"), "0123456789abcdef0123456789abcdef\n").expect("file");
        Config {
            enabled: true,
            algorithms: vec!["HS256".into()],
            secrets: vec![format!("k={}", dir.join("secret").display())],
            ..Config::default()
        }
    }

    #[test]
    fn keys_are_read_at_the_start_and_again() {
        let dir = tempfile::tempdir().expect("directory");
        assert!(Tokens::start(&Config::default()).expect("off").is_none());
        let tokens = Tokens::start(&config(dir.path())).expect("keys").expect("on");
        std::fs::write(dir.path().join("secret"), "short").expect("file");
        let problem = tokens.reload().expect_err("a short secret").to_string();
        assert!(problem.contains("auth.oauth2.secrets") && problem.contains("32"), "{problem}");
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let dir = tempfile::tempdir().expect("directory");
        let good = config(dir.path());
        let secret = good.secrets[0].clone();
        let file = dir.path().join("secret");
        let cases = [
            (Config { secrets: vec!["k=/missing".into()], ..good.clone() }, "/missing"),
            (Config { secrets: vec![secret.clone(), secret.clone()], ..good.clone() }, "already"),
            (Config { signing_keys: vec![secret], ..good.clone() }, "PEM"),
            (Config { jwks_file: file.clone(), ..good.clone() }, "Key Set"),
            (
                Config { jwks_url: "https://localhost/".into(), jwks_ca: file, ..good },
                "there is no certificate in it",
            ),
        ];
        for (config, expected) in cases {
            let problem = Tokens::start(&config).err().expect("a problem").to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
