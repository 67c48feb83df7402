//! Binds a door's sockets before anything else starts, so that a taken port is known early.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::accept::{AcceptLoop, Accepted};
use crate::admission::Admissions;
use crate::config::Config;
use crate::error::BindError;
use crate::lifecycle::Lifecycle;
use crate::refusals::Refusals;
use crate::tls::TlsContext;

/// Tries, when a free port is asked for on several addresses, to find one that is free on all of them.
const ANY_PORT_ATTEMPTS: usize = 16;

/// A door's bound sockets. Bound is not yet served: connections wait in the kernel's backlog.
#[derive(Debug)]
pub struct Listener {
    door: &'static str,
    nodelay: bool,
    plain: Vec<TcpListener>,
    secure: Vec<TcpListener>,
    tls: Option<TlsContext>,
    admissions: Admissions,
}

impl Listener {
    /// Binds every address of `config`; `door` names it in errors and logs. Must run inside a tokio runtime.
    ///
    /// An address of a family this machine does not have is skipped if another one could be bound.
    pub fn bind(door: &'static str, config: &Config) -> Result<Listener, BindError> {
        let tls = config.tls.clone().map(TlsContext::load).transpose();
        let tls = tls.map_err(|source| BindError::Tls { door, source })?;
        let plain = if config.plaintext { bind_all(door, config, config.port)? } else { Vec::new() };
        let secure = if tls.is_some() { bind_all(door, config, config.tls_port)? } else { Vec::new() };
        let admissions = Admissions::new(config.max_connections, config.max_unauthenticated_per_ip);
        Ok(Listener { door, nodelay: config.nodelay, plain, secure, tls, admissions })
    }

    /// Counts connections together with those of `other`, against its limits.
    #[must_use]
    pub fn sharing_limits(mut self, other: &Listener) -> Listener {
        self.admissions = other.admissions.clone();
        self
    }

    /// Where plain connections are taken, with real ports.
    pub fn plain_addresses(&self) -> Vec<SocketAddr> {
        self.plain.iter().filter_map(|l| l.local_addr().ok()).collect()
    }

    /// Where TLS connections are taken, with real ports.
    pub fn tls_addresses(&self) -> Vec<SocketAddr> {
        self.secure.iter().filter_map(|l| l.local_addr().ok()).collect()
    }

    /// The TLS side, to reload it or to ask for the certificate's expiry.
    pub fn tls(&self) -> Option<&TlsContext> {
        self.tls.as_ref()
    }

    /// The door's connection counters.
    pub fn admissions(&self) -> &Admissions {
        &self.admissions
    }

    /// Accepts until `life` is stopping and calls `door` for each admitted connection, in a task of its own.
    pub fn serve<F, Fut>(self, life: &Lifecycle, door: F)
    where
        F: Fn(Accepted) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let refusals = Arc::new(Refusals::new(self.door));
        let plain = self.plain.into_iter().map(|socket| (socket, None));
        let tls = self.tls;
        let secure = self.secure.into_iter().map(|socket| (socket, tls.clone()));
        for (socket, tls) in plain.chain(secure) {
            let accept = AcceptLoop {
                door: self.door,
                socket,
                tls,
                nodelay: self.nodelay,
                admissions: self.admissions.clone(),
                refusals: refusals.clone(),
                life: life.clone(),
            };
            life.spawn(accept.run(door.clone()));
        }
    }
}

/// One socket per address, all on the same port.
fn bind_all(door: &'static str, config: &Config, port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut attempt = 1;
    loop {
        match bind_each(door, config, port) {
            Err(BindError::InUse { .. }) if port == 0 && attempt < ANY_PORT_ATTEMPTS => attempt += 1,
            result => return result,
        }
    }
}

fn bind_each(door: &'static str, config: &Config, port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut sockets: Vec<TcpListener> = Vec::new();
    let mut missing = None;
    let mut port = port;
    for &ip in &config.addresses {
        let address = SocketAddr::new(ip, port);
        let bound = bind_one(address, config.backlog);
        match bound {
            Ok(socket) => {
                port = socket.local_addr().map_or(port, |a| a.port());
                sockets.push(socket);
            }
            Err(source) => match source.kind() {
                io::ErrorKind::AddrInUse => return Err(BindError::InUse { door, address }),
                io::ErrorKind::PermissionDenied => return Err(BindError::Denied { door, address }),
                _ if family_is_missing(ip, &source) => {
                    tracing::info!(door, %address, error = %source, "address family not available, skipped");
                    missing = Some(BindError::Unavailable { door, address, source });
                }
                _ => return Err(BindError::Unavailable { door, address, source }),
            },
        }
    }
    match missing {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

/// Only for the addresses every machine with that family has: a mistyped address must not be skipped.
fn family_is_missing(ip: IpAddr, error: &io::Error) -> bool {
    (ip.is_unspecified() || ip.is_loopback())
        && (error.kind() == io::ErrorKind::AddrNotAvailable || error.kind() == io::ErrorKind::Unsupported)
}

fn bind_one(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the old process' connections to leave TIME_WAIT.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}
