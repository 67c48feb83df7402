//! Where connections come in.

use std::net::SocketAddr;
use std::sync::Arc;

use anymq_broker::Broker;
use anymq_net::{Accepted, Lifecycle, Listener};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::connection::Connection;
use crate::handshake::Handshake;
use crate::peer::{Entry, Peer, Ports};

/// The sockets of one node.
#[derive(Debug)]
pub struct Node {
    /// Plain TCP and TLS.
    pub open: Listener,
    /// TLS for clients that log in.
    pub login: Option<Listener>,
}

/// Serves every connection that `nodes` accept, until `life` is stopping.
pub fn serve(nodes: Vec<Node>, broker: Broker, config: Config, life: &Lifecycle) {
    let config = Arc::new(config);
    let first = |addresses: Vec<SocketAddr>| addresses.first().map(SocketAddr::port);
    let ports = |node: &Node| Ports {
        plain: first(node.open.plain_addresses()),
        tls: first(node.open.tls_addresses()),
        login: node.login.as_ref().and_then(|login| first(login.tls_addresses())),
    };
    let ports: Arc<[Ports]> = nodes.iter().map(ports).collect();
    let serve_one = |listener: Listener, login: bool| {
        let (broker, config, ports) = (broker.clone(), config.clone(), ports.clone());
        let stopping = life.stopping().clone();
        listener.serve(life, move |accepted| {
            let entry = match &accepted.tls {
                Some(_) if login => Entry::Login,
                Some(_) => Entry::Tls,
                None => Entry::Plain,
            };
            serve_accepted(accepted, entry, ports.clone(), broker.clone(), config.clone(), &stopping)
        });
    };
    for Node { open, login } in nodes {
        serve_one(open, false);
        if let Some(login) = login {
            serve_one(login, true);
        }
    }
}

fn serve_accepted(
    accepted: Accepted,
    entry: Entry,
    nodes: Arc<[Ports]>,
    broker: Broker,
    config: Arc<Config>,
    stopping: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let Accepted { stream, peer, local, tls, since, admission } = accepted;
    let certificate = tls.as_ref().and_then(|tls| tls.client_cert.as_ref());
    let peer = Peer {
        address: peer,
        local,
        entry,
        certificate_user: certificate.and_then(|certificate| certificate.common_name.clone()),
        nodes,
    };
    let deadline = tokio::time::sleep_until(since + config.handshake_timeout);
    let handshake = Handshake::new(broker, config, peer);
    Connection::new(stream, handshake, deadline, stopping, move || admission.logged_in())
}

/// Serves one client over any stream, until it ends or `stopping` is cancelled. For tests and simulation.
pub async fn serve_stream(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    broker: Broker,
    config: Arc<Config>,
    stopping: CancellationToken,
) {
    let peer = Peer {
        address: peer,
        local: peer,
        entry: Entry::Plain,
        certificate_user: None,
        nodes: Arc::default(),
    };
    let deadline = tokio::time::sleep(config.handshake_timeout);
    let handshake = Handshake::new(broker, config, peer);
    Connection::new(stream, handshake, deadline, &stopping, || ()).await;
}
