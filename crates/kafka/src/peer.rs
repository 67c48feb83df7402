//! What is known of a connection from its socket.

use std::net::SocketAddr;

/// Both ends of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) tls: bool,
    /// The user a verified client certificate names.
    pub(crate) certificate_user: Option<String>,
}
