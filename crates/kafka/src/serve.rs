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
use crate::peer::Peer;

/// Serves every connection that `listener` accepts, until `life` is stopping.
pub fn serve(listener: Listener, broker: Broker, config: Config, life: &Lifecycle) {
    let config = Arc::new(config);
    let stopping = life.stopping().clone();
    listener.serve(life, move |accepted| serve_accepted(accepted, broker.clone(), config.clone(), &stopping));
}

fn serve_accepted(
    accepted: Accepted,
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
    let peer = Peer { address: peer, local: peer, tls: false, certificate_user: None };
    let deadline = tokio::time::sleep(config.handshake_timeout);
    let handshake = Handshake::new(broker, config, peer);
    Connection::new(stream, handshake, deadline, &stopping, || ()).await;
}
