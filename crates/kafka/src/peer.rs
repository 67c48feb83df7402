//! What is known of a connection from its socket.

use std::net::SocketAddr;
use std::sync::Arc;

/// Both ends of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) tls: bool,
    /// The user a verified client certificate names.
    pub(crate) certificate_user: Option<String>,
    /// The ports of every node; none if there is but the one that the client has dialled.
    pub(crate) nodes: Arc<[Ports]>,
}

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) plain: Option<u16>,
    pub(crate) tls: Option<u16>,
}
