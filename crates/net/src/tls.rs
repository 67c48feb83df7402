//! Certificates from files, checked at start, replaced while running.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;

use crate::certificate::Certificate;
use crate::config::TlsConfig;
use crate::error::TlsError;
use crate::tls_stream::TlsStream;

/// The TLS side of one door: TLS 1.2 and 1.3, ring. Clones share one state, so a reload reaches every accept loop.
#[derive(Clone, Debug)]
pub struct TlsContext {
    files: Arc<TlsConfig>,
    current: Arc<RwLock<Loaded>>,
}

#[derive(Clone, Debug)]
struct Loaded {
    server: Arc<ServerConfig>,
    leaf: Option<Arc<Certificate>>,
}

impl TlsContext {
    /// Reads and checks the files.
    pub fn load(files: TlsConfig) -> Result<Self, TlsError> {
        let loaded = Loaded::read(&files)?;
        Ok(TlsContext { files: Arc::new(files), current: Arc::new(RwLock::new(loaded)) })
    }

    /// Reads the files again. New connections get the new certificate; on an error the old one stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let loaded = Loaded::read(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    /// The server's own certificate, if it could be understood (its expiry is a metric).
    pub fn certificate(&self) -> Option<Arc<Certificate>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).leaf.clone()
    }

    /// Does the handshake of a new connection, as the server.
    pub async fn accept(&self, tcp: TcpStream) -> std::io::Result<TlsStream> {
        let server = self.current.read().unwrap_or_else(PoisonError::into_inner).server.clone();
        TlsStream::accept(server, tcp).await
    }
}

impl Loaded {
    fn read(files: &TlsConfig) -> Result<Loaded, TlsError> {
        let chain = certificates(&files.cert)?;
        let leaf = chain.first().and_then(|der| Certificate::parse(der).ok()).map(Arc::new);
        let pem = read(&files.key)?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|e| TlsError::Malformed {
            path: files.key.clone(),
            expected: "private key",
            reason: e.to_string(),
        })?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .expect("ring has cipher suites for TLS 1.2 and 1.3");
        let builder = match client_verifier(files, &provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let server = builder.with_single_cert(chain, key).map_err(|e| TlsError::Mismatch {
            cert: files.cert.clone(),
            key: files.key.clone(),
            reason: e.to_string(),
        })?;
        Ok(Loaded { server: Arc::new(server), leaf })
    }
}

/// Verifies the full chain of a client certificate; none if clients are not asked for one.
fn client_verifier(
    files: &TlsConfig,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let Some(path) = &files.client_ca else { return Ok(None) };
    let malformed = |reason: String| TlsError::Malformed {
        path: path.clone(),
        expected: "certificate authority",
        reason,
    };
    let mut roots = RootCertStore::empty();
    for der in certificates(path)? {
        roots.add(der).map_err(|e| malformed(e.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = if files.require_client_cert { builder } else { builder.allow_unauthenticated() };
    builder.build().map(Some).map_err(|e| malformed(e.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let malformed =
        |reason: String| TlsError::Malformed { path: path.to_owned(), expected: "certificate", reason };
    let pem = read(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|e| malformed(e.to_string()))?;
    if chain.is_empty() {
        return Err(malformed("no CERTIFICATE section in it".into()));
    }
    Ok(chain)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}
