//! What can go wrong before a door is called.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a door could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process has the port.
    #[error("{door}: port {} on {} is taken", address.port(), address.ip())]
    InUse {
        /// The door's name.
        door: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The process may not open this port (usually: below 1024 and not root).
    #[error("{door}: no permission to listen on {address}")]
    Denied {
        /// The door's name.
        door: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address is not one of this machine's, or the socket could not be made.
    #[error("{door}: cannot listen on {address}: {source}")]
    Unavailable {
        /// The door's name.
        door: &'static str,
        /// The address that was asked for.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The certificate or key is not usable.
    #[error("{door}: {source}")]
    Tls {
        /// The door's name.
        door: &'static str,
        /// What is wrong with it.
        source: TlsError,
    },
}

/// Why certificates could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds nothing of the kind expected, or something malformed.
    #[error("{} holds no usable {expected}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// Why it was not accepted.
        reason: String,
    },
    /// The key is not the certificate's, or of a kind that cannot sign.
    #[error("key {} does not fit certificate {}: {reason}", key.display(), cert.display())]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls said.
        reason: String,
    },
}
