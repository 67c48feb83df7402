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
use crate::peer::{Peer, Ports};

/// Serves every connection that `listeners` accept, until `life` is stopping. Each of them is a node to clients.
pub fn serve(listeners: Vec<Listener>, broker: Broker, config: Config, life: &Lifecycle) {
    let config = Arc::new(config);
    let first = |addresses: Vec<SocketAddr>| addresses.first().map(SocketAddr::port);
    let ports = |listener: &Listener| Ports {
        plain: first(listener.plain_addresses()),
        tls: first(listener.tls_addresses()),
    };
    let nodes: Arc<[Ports]> = listeners.iter().map(ports).collect();
    for listener in listeners {
        let (broker, config, nodes) = (broker.clone(), config.clone(), nodes.clone());
        let stopping = life.stopping().clone();
        listener.serve(life, move |accepted| {
            serve_accepted(accepted, nodes.clone(), broker.clone(), config.clone(), &stopping)
        });
    }
}

fn serve_accepted(
    accepted: Accepted,
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
        tls: tls.is_some(),
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
    let peer = Peer { address: peer, local: peer, tls: false, certificate_user: None, nodes: Arc::default() };
    let deadline = tokio::time::sleep(config.handshake_timeout);
    let handshake = Handshake::new(broker, config, peer);
    Connection::new(stream, handshake, deadline, &stopping, || ()).await;
}
