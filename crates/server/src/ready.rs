//! The ready file: where clients are served, for whoever started the process.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use anymq_api::{Problem, codes};
use anymq_net::Listener;
use serde::Serialize;

/// Addresses to connect to from this machine, `IP:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Places {
    /// AMQP; the TLS port if there is no plain one.
    pub(crate) amqp: String,
    /// AMQP over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) amqps: Option<String>,
    /// Kafka; the TLS port if there is no plain one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kafka: Option<String>,
    /// Schema registry; the TLS port if there is no plain one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) registry: Option<String>,
    /// Admin API.
    pub(crate) admin: String,
    /// Metrics and health without login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metrics: Option<String>,
    /// This process.
    pid: u32,
}

impl Places {
    pub(crate) fn of(
        amqp: &Listener,
        kafka: Option<&Listener>,
        registry: Option<&Listener>,
        admin: &Listener,
        metrics: Option<&Listener>,
    ) -> Places {
        Places {
            amqp: any(amqp).unwrap_or_default(),
            amqps: reachable(&amqp.tls_addresses()),
            kafka: kafka.and_then(any),
            registry: registry.and_then(any),
            admin: any(admin).unwrap_or_default(),
            metrics: metrics.and_then(any),
            pid: std::process::id(),
        }
    }
}

fn any(listener: &Listener) -> Option<String> {
    reachable(&listener.plain_addresses()).or_else(|| reachable(&listener.tls_addresses()))
}

/// The first address, IPv4 preferred; an address that means every interface is reached over loopback.
fn reachable(addresses: &[SocketAddr]) -> Option<String> {
    let address = addresses.iter().find(|a| a.is_ipv4()).or(addresses.first())?;
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    Some(SocketAddr::new(ip, address.port()).to_string())
}

/// Writes it beside its place and renames it there: whoever sees the file sees all of it.
pub(crate) fn write(file: &Path, places: &Places) -> Result<(), Problem> {
    let mut name = file.as_os_str().to_owned();
    name.push(".tmp");
    let beside = Path::new(&name);
    let text = serde_json::json!(places).to_string() + "\n";
    fs::write(beside, text)
        .and_then(|()| fs::rename(beside, file))
        .map_err(|e| Problem::new(&codes::READY_FILE, format!("cannot write {}: {e}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_can_be_connected_to() {
        let cases: [(&[&str], Option<&str>); 4] = [
            (&["[::]:1", "0.0.0.0:2"], Some("127.0.0.1:2")),
            (&["[::]:1"], Some("[::1]:1")),
            (&["10.0.0.1:3"], Some("10.0.0.1:3")),
            (&[], None),
        ];
        for (addresses, expected) in cases {
            let addresses: Vec<SocketAddr> = addresses.iter().map(|a| a.parse().expect("address")).collect();
            assert_eq!(reachable(&addresses).as_deref(), expected);
        }
    }

    #[test]
    fn the_file_appears_whole_or_not_at_all() {
        let dir = tempfile::tempdir().expect("directory");
        let places = Places {
            amqp: "127.0.0.1:1".into(),
            amqps: None,
            kafka: None,
            registry: None,
            admin: "127.0.0.1:2".into(),
            metrics: None,
            pid: 7,
        };
        let file = dir.path().join("ready.json");
        write(&file, &places).expect("written");
        let text = fs::read_to_string(&file).expect("file");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value, serde_json::json!({"amqp": "127.0.0.1:1", "admin": "127.0.0.1:2", "pid": 7}));
        assert_eq!(fs::read_dir(dir.path()).expect("directory").count(), 1);
        let problem = write(Path::new("/nowhere/ready"), &places).expect_err("no such directory");
        assert_eq!(problem.code, codes::READY_FILE.number);
    }
}
