//! What is known of a connection from its socket.

use std::net::SocketAddr;
use std::sync::Arc;

/// Both ends of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) entry: Entry,
    /// The user a verified client certificate names.
    pub(crate) certificate_user: Option<String>,
    /// The ports of every node; none if there is but the one that the client has dialled.
    pub(crate) nodes: Arc<[Ports]>,
}

/// The way a client came in; it is told to come to the other nodes the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Plain TCP.
    Plain,
    /// TLS.
    Tls,
    /// TLS, and whoever does not log in is sent away.
    Login,
}

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) plain: Option<u16>,
    pub(crate) tls: Option<u16>,
    pub(crate) login: Option<u16>,
}

impl Ports {
    /// The port of one entry; none if it is closed.
    pub(crate) fn of(&self, entry: Entry) -> Option<u16> {
        match entry {
            Entry::Plain => self.plain,
            Entry::Tls => self.tls,
            Entry::Login => self.login,
        }
    }
}
