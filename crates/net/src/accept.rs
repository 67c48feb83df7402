//! The accept loop: admit, handshake, call the door.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::admission::{Admission, Admissions, Refusal};
use crate::lifecycle::Lifecycle;
use crate::refusals::Refusals;
use crate::stream::{Stream, TlsSession};
use crate::tls::TlsContext;

/// How long a peer may take for the TLS handshake.
pub const TLS_HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// How long accepting pauses when the process has run out of file descriptors or memory for sockets.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// One admitted connection, as a door gets it.
#[derive(Debug)]
pub struct Accepted {
    /// The socket; TLS handshake done.
    pub stream: Stream,
    /// Who connected. An IPv4 address mapped into IPv6 is given as IPv4.
    pub peer: SocketAddr,
    /// Our side of the socket.
    pub local: SocketAddr,
    /// What TLS settled; none on a plain port.
    pub tls: Option<TlsSession>,
    /// When it was accepted: what a door allows for logging in counts from here, the TLS handshake included.
    pub since: Instant,
    /// The connection's place in the limits; tell it of the login.
    pub admission: Admission,
}

pub(crate) struct AcceptLoop {
    pub(crate) door: &'static str,
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<TlsContext>,
    pub(crate) nodelay: bool,
    pub(crate) admissions: Admissions,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) life: Lifecycle,
}

impl AcceptLoop {
    pub(crate) async fn run<F, Fut>(self, door: F)
    where
        F: Fn(Accepted) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let stopping = self.life.stopping().clone();
        let mut exhausted = false;
        while let Some(accepted) = stopping.run_until_cancelled(self.socket.accept()).await {
            match accepted {
                Ok((tcp, peer)) => {
                    exhausted = false;
                    self.admit(tcp, peer, door.clone());
                }
                Err(error) if peer_gave_up(&error) => {}
                Err(error) => {
                    if !exhausted {
                        tracing::error!(door = self.door, %error, "cannot accept connections, trying again");
                        exhausted = true;
                    }
                    stopping.run_until_cancelled(tokio::time::sleep(EXHAUSTED_PAUSE)).await;
                }
            }
        }
    }

    fn admit<F, Fut>(&self, tcp: TcpStream, peer: SocketAddr, door: F)
    where
        F: Fn(Accepted) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let since = now();
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let admission = match self.admissions.admit(peer.ip()) {
            Ok(admission) => admission,
            Err(Refusal::Full(limit)) => {
                return self.refusals.log(peer, &format!("max_connections is {limit}"));
            }
            Err(Refusal::TooManyFromAddress(limit)) => {
                return self.refusals.log(peer, &format!("max_unauthenticated_per_ip is {limit}"));
            }
        };
        let Ok(local) = tcp.local_addr() else { return };
        if let Err(error) = tcp.set_nodelay(self.nodelay) {
            tracing::debug!(door = self.door, %peer, %error, "peer left at once");
            return;
        }
        let Some(tls) = self.tls.clone() else {
            let stream = Stream::Plain(tcp);
            let place = admission.clone();
            // Boxed, here and below: a future kept in another is kept once more for the moment it is moved.
            let task = Box::pin(door(Accepted { stream, peer, local, tls: None, since, admission }));
            self.life.spawn(async move {
                task.await;
                drop(place);
            });
            return;
        };
        let refusals = self.refusals.clone();
        let stopping = self.life.stopping().clone();
        self.life.spawn(async move {
            // Boxed: the handshake's future is large and gone soon, the connection's task stays.
            let handshake = Box::pin(handshake(tls, tcp));
            match stopping.run_until_cancelled(handshake).await {
                None => {}
                Some(Err(reason)) => refusals.log(peer, &reason),
                Some(Ok(stream)) => {
                    let tls = stream.tls_session();
                    let place = admission.clone();
                    Box::pin(door(Accepted { stream, peer, local, tls, since, admission })).await;
                    drop(place);
                }
            }
        });
    }
}

async fn handshake(tls: TlsContext, tcp: TcpStream) -> Result<Stream, String> {
    match tokio::time::timeout(TLS_HANDSHAKE_DEADLINE, tls.accept(tcp)).await {
        Ok(Ok(stream)) => Ok(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => Err(format!("TLS handshake failed: {error}")),
        Err(_) => Err(format!("TLS handshake took longer than {} seconds", TLS_HANDSHAKE_DEADLINE.as_secs())),
    }
}

#[allow(clippy::disallowed_methods, reason = "a socket's deadline; no state of the broker depends on it")]
fn now() -> Instant {
    Instant::now()
}

/// Errors of one connection that was gone before it was accepted, not of the listening socket.
fn peer_gave_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
