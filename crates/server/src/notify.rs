//! systemd's notification protocol (sd_notify(3)): one datagram a message. Does nothing without `NOTIFY_SOCKET`.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior};

/// Tells the supervisor; that it cannot be told is no reason to stop.
pub(crate) fn send(message: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&path),
    };
    let sent = address.and_then(|to| UnixDatagram::unbound()?.send_to_addr(message.as_bytes(), &to));
    if let Err(error) = sent {
        tracing::debug!(%error, message, "supervisor not told");
    }
}

/// Ticks twice in the time the supervisor waits, if it waits for a sign of life.
pub(crate) fn watchdog() -> Option<Interval> {
    let micros: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok().filter(|&n| n > 1)?;
    let mut interval = tokio::time::interval(Duration::from_micros(micros / 2));
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    Some(interval)
}

/// The next tick; never without a watchdog.
pub(crate) async fn due(watchdog: &mut Option<Interval>) {
    match watchdog {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}
