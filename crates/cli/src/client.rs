//! A small blocking HTTP client for the admin API.

use std::sync::Arc;
use std::time::Duration;

use anymq_api::{ListQuery, PAGE_MAX, Page, Problem, codes, paths};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body, http};

use crate::Result;

/// Largest answer that is read, in bytes.
const ANSWER_MAX: u64 = 256 << 20;

/// The admin API of one broker, as one user.
pub struct Client {
    agent: Agent,
    base: String,
    authorization: String,
}

impl Client {
    /// A client; connects with the first request. `ca` is a PEM file's contents.
    pub fn new(
        base: &str,
        user: &str,
        password: &str,
        ca: Option<&[u8]>,
        timeout: Duration,
    ) -> Result<Client> {
        let base = base.trim_end_matches('/').to_owned();
        let parsed: http::Uri = base.parse().map_err(|e| bad_url(&base, &format!("{e}")))?;
        let tls = match (parsed.scheme_str(), ca) {
            (Some("http"), _) => None,
            (Some("https"), Some(ca)) => Some(trust(ca)?),
            (Some("https"), None) => return Err(bad_url(&base, "https needs --ca")),
            _ => return Err(bad_url(&base, "it does not begin with http:// or https://")),
        };
        if parsed.host().is_none_or(str::is_empty) || !matches!(parsed.path(), "" | "/") {
            return Err(bad_url(&base, "it must be a host and a port only"));
        }
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .user_agent(concat!("anymq/", env!("CARGO_PKG_VERSION")));
        let config = match tls {
            Some(tls) => config.tls_config(tls),
            None => config,
        };
        let authorization = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
        Ok(Client { agent: config.build().into(), base, authorization })
    }

    /// Reads one thing.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        parse(&self.get_bytes(path)?)
    }

    /// Reads an answer as it is.
    pub fn get_bytes(&self, path: &str) -> Result<Vec<u8>> {
        let request = self.agent.get(self.url(path)).header("authorization", &self.authorization);
        self.bytes(request.call())
    }

    /// Reads a status and an answer of a path that needs no login.
    pub fn get_open(&self, path: &str) -> Result<(u16, Vec<u8>)> {
        let response = self.agent.get(self.url(path)).call().map_err(|e| self.unreachable(e))?;
        let status = response.status().as_u16();
        Ok((status, read(response)?))
    }

    /// Creates or replaces something.
    pub fn put(&self, path: &str, body: &impl Serialize) -> Result<()> {
        let body = to_json(body)?;
        let request = self.agent.put(self.url(path)).header("authorization", &self.authorization);
        self.bytes(request.header("content-type", "application/json").send(&body)).map(drop)
    }

    /// Asks for something to be done.
    pub fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T> {
        let body = to_json(body)?;
        let request = self.agent.post(self.url(path)).header("authorization", &self.authorization);
        parse(&self.bytes(request.header("content-type", "application/json").send(&body))?)
    }

    /// Removes something.
    pub fn delete(&self, path: &str) -> Result<Vec<u8>> {
        let request = self.agent.delete(self.url(path)).header("authorization", &self.authorization);
        self.bytes(request.call())
    }

    /// Removes something and reads what the broker says of it.
    pub fn delete_for<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        parse(&self.delete(path)?)
    }

    /// All pages of a list.
    pub fn list<T: DeserializeOwned>(&self, noun: &str, filter: &ListQuery) -> Result<Vec<T>> {
        let mut items = Vec::new();
        loop {
            let wanted = filter.limit.map_or(PAGE_MAX, |limit| (limit - items.len()).min(PAGE_MAX));
            let path = paths::query(
                &paths::path(&[noun]),
                &[
                    ("vhost", filter.vhost.clone()),
                    ("name", filter.name.clone()),
                    ("offset", Some((filter.offset + items.len()).to_string())),
                    ("limit", Some(wanted.to_string())),
                ],
            );
            let page: Page<T> = self.get(&path)?;
            let last = page.items.len() < wanted;
            items.extend(page.items);
            if last || filter.limit.is_some_and(|limit| items.len() >= limit) {
                return Ok(items);
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn bytes(&self, answer: std::result::Result<http::Response<Body>, ureq::Error>) -> Result<Vec<u8>> {
        let response = answer.map_err(|e| self.unreachable(e))?;
        let status = response.status();
        let body = read(response)?;
        if status.is_success() {
            return Ok(body);
        }
        Err(serde_json::from_slice(&body).unwrap_or_else(|_| {
            let what = format!("{} answered with status {status} and no AnyMQ error", self.base);
            Problem::new(&codes::ANSWER_STRANGE, what)
        }))
    }

    fn unreachable(&self, error: ureq::Error) -> Problem {
        match error {
            ureq::Error::Timeout(_) => {
                Problem::new(&codes::TIMED_OUT, format!("{} did not answer in time", self.base))
            }
            error => Problem::new(&codes::UNREACHABLE, format!("cannot reach {}: {error}", self.base)),
        }
    }
}

fn read(mut response: http::Response<Body>) -> Result<Vec<u8>> {
    let body = response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec();
    body.map_err(|e| Problem::new(&codes::ANSWER_STRANGE, format!("the answer broke off: {e}")))
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // An answer without content stands for null.
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body)
        .map_err(|e| Problem::new(&codes::ANSWER_STRANGE, format!("the answer is other than expected: {e}")))
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(body)
        .map_err(|e| Problem::new(&codes::BODY_INVALID, format!("the request cannot be written: {e}")))
}

/// Trust in the authorities of a PEM file and in nothing else.
fn trust(pem: &[u8]) -> Result<TlsConfig> {
    let unusable =
        |reason: String| Problem::new(&codes::TLS_UNUSABLE, format!("--ca is not usable: {reason}"));
    let mut roots = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|e| unusable(e.to_string()))? {
            roots.push(Certificate::to_owned(&certificate));
        }
    }
    if roots.is_empty() {
        return Err(unusable("no CERTIFICATE section in it".into()));
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}

fn bad_url(url: &str, reason: &str) -> Problem {
    Problem::new(&codes::URL_INVALID, format!("{url:?} cannot be used: {reason}"))
}
