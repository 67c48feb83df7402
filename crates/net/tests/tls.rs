//! The TLS stream against rustls' own client, over sockets that give and take little at a time.

#![allow(
    clippy::disallowed_methods,
    reason = "the relay of a test ends with its sockets; its waits are real time"
)]

use std::sync::Arc;
use std::time::Duration;

use anymq_net::{TlsConfig, TlsContext, TlsStream};
use rcgen::KeyPair;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

const WAIT: Duration = Duration::from_secs(20);

const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// A server's context and a client that trusts it and speaks `version` only.
fn both(version: &'static rustls::SupportedProtocolVersion) -> (TlsContext, TlsConnector) {
    let key = KeyPair::generate().expect("key");
    let params = rcgen::CertificateParams::new(vec!["localhost".into()]).expect("params");
    let cert = params.self_signed(&key).expect("certificate");
    let dir = tempfile::tempdir().expect("directory");
    let (cert_file, key_file) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert_file, cert.pem()).expect("file");
    std::fs::write(&key_file, key.serialize_pem()).expect("file");
    let files = TlsConfig { cert: cert_file, key: key_file, client_ca: None, require_client_cert: false };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(cert.der().clone()).expect("root");
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[version])
            .expect("version")
            .with_root_certificates(roots)
            .with_no_client_auth();
    (TlsContext::load(files).expect("context"), TlsConnector::from(Arc::new(config)))
}

/// A connected pair of sockets, the client's first.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let client = TcpStream::connect(listener.local_addr().expect("address"));
    let (client, server) = tokio::join!(client, listener.accept());
    (client.expect("connect"), server.expect("accept").0)
}

async fn connected(
    version: &'static rustls::SupportedProtocolVersion,
) -> (tokio_rustls::client::TlsStream<TcpStream>, TlsStream) {
    let (context, connector) = both(version);
    let (client, server) = sockets().await;
    let name = ServerName::try_from("localhost").expect("name");
    let (client, server) = tokio::join!(connector.connect(name, client), context.accept(server));
    (client.expect("client's handshake"), server.expect("server's handshake"))
}

/// `len` bytes that differ from place to place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
}

/// Writes all of `data` into one side and reads it at the other, `step` bytes a read.
async fn through(
    writer: &mut (impl AsyncWrite + Unpin),
    reader: &mut (impl AsyncRead + Unpin),
    data: &[u8],
    step: usize,
) {
    let write = async {
        writer.write_all(data).await.expect("write");
        writer.flush().await.expect("flush");
    };
    let read = async {
        let (mut got, mut buf) = (Vec::with_capacity(data.len()), vec![0; step]);
        while got.len() < data.len() {
            let bytes = reader.read(&mut buf).await.expect("read");
            assert!(bytes > 0, "ended after {} of {} bytes", got.len(), data.len());
            got.extend_from_slice(&buf[..bytes]);
        }
        got
    };
    let ((), got) = tokio::time::timeout(WAIT, async { tokio::join!(write, read) }).await.expect("in time");
    assert!(got == data, "{} bytes arrived changed", data.len());
}

#[tokio::test]
async fn what_is_written_is_read_both_ways() {
    for version in VERSIONS {
        let (mut client, mut server) = connected(version).await;
        for (len, step) in [(1, 1), (5000, 7), (16 << 10, 100), (70_000, 1 << 20), (3 << 20, 4096)] {
            let data = pattern(len);
            through(&mut client, &mut server, &data, step).await;
            through(&mut server, &mut client, &data, step).await;
        }
    }
}

#[tokio::test]
async fn slices_of_any_size_keep_their_order() {
    let (mut client, mut server) = connected(&rustls::version::TLS13).await;
    let data = pattern(100_000);
    let sizes = [0, 3, 0, 5000, 1, 17_000, 12, 4095, 4096, 30_000];
    let write = async {
        let mut at = 0;
        while at < data.len() {
            let mut slices = Vec::new();
            let mut end = at;
            for size in sizes {
                let next = (end + size).min(data.len());
                slices.push(std::io::IoSlice::new(&data[end..next]));
                end = next;
            }
            at += server.write_vectored(&slices).await.expect("write");
        }
        server.flush().await.expect("flush");
    };
    let mut got = vec![0; data.len()];
    let read = async { client.read_exact(&mut got).await.map(drop).expect("read") };
    tokio::time::timeout(WAIT, async { tokio::join!(write, read) }).await.expect("in time");
    assert!(got == data);
}

#[tokio::test]
async fn records_that_come_byte_by_byte_are_whole_in_the_end() {
    let (context, connector) = both(&rustls::version::TLS13);
    let (outer, server) = sockets().await;
    let (inner, relay) = tokio::io::duplex(64);
    tokio::spawn(async move {
        let (mut from_client, mut to_client) = tokio::io::split(relay);
        let (mut from_server, mut to_server) = outer.into_split();
        let up = async {
            let mut byte = [0; 1];
            while from_client.read_exact(&mut byte).await.is_ok() && to_server.write_all(&byte).await.is_ok()
            {
                tokio::task::yield_now().await;
            }
        };
        let down = async { tokio::io::copy(&mut from_server, &mut to_client).await };
        let _ = tokio::join!(up, down);
    });
    let name = ServerName::try_from("localhost").expect("name");
    let (client, server) = tokio::join!(connector.connect(name, inner), context.accept(server));
    let (mut client, mut server) = (client.expect("client"), server.expect("server"));
    through(&mut client, &mut server, &pattern(20_000), 333).await;
    through(&mut server, &mut client, &pattern(20_000), 333).await;
}

#[tokio::test]
async fn nothing_is_held_between_messages() {
    for version in VERSIONS {
        let (mut client, mut server) = connected(version).await;
        assert_eq!(server.held_bytes(), 0, "after the handshake");
        through(&mut client, &mut server, &pattern(100_000), 4096).await;
        through(&mut server, &mut client, &pattern(100_000), 4096).await;
        // The reader asks once more: only then is what it took last given back.
        let more = tokio::time::timeout(Duration::from_millis(50), server.read(&mut [0; 16])).await;
        assert!(more.is_err(), "{more:?}");
        assert_eq!(server.held_bytes(), 0, "after traffic");
    }
}

#[tokio::test]
async fn a_reader_that_stops_holds_back_the_writer() {
    let (client, mut server) = connected(&rustls::version::TLS13).await;
    let data = pattern(64 << 10);
    let mut written = 0;
    while let Ok(bytes) = tokio::time::timeout(Duration::from_millis(200), server.write(&data)).await {
        written += bytes.expect("write");
        assert!(written < 64 << 20, "the socket takes no end of it");
    }
    assert!(server.held_bytes() <= data.len() + 4096, "{} bytes wait", server.held_bytes());
    drop(client);
}

#[tokio::test]
async fn each_side_may_say_that_it_ends() {
    for version in VERSIONS {
        let (mut client, mut server) = connected(version).await;
        client.write_all(b"last words").await.expect("write");
        client.shutdown().await.expect("close_notify");
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.expect("a clean end");
        assert_eq!(got, b"last words");
        server.write_all(b"heard").await.expect("the other way is open");
        server.shutdown().await.expect("close_notify");
        let mut got = Vec::new();
        client.read_to_end(&mut got).await.expect("a clean end");
        assert_eq!(got, b"heard");
    }
}

#[tokio::test]
async fn an_end_without_a_word_is_an_error() {
    let (mut client, mut server) = connected(&rustls::version::TLS13).await;
    // What the client has not read would turn its end into a reset.
    through(&mut server, &mut client, b"so far", 16).await;
    drop(client.into_inner().0);
    let error = server.read(&mut [0; 16]).await.expect_err("cut");
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof, "{error}");
}

#[tokio::test]
async fn a_peer_that_does_not_speak_tls_gets_an_alert() {
    let (context, _) = both(&rustls::version::TLS13);
    for hello in [&b"AMQP\x00\x00\x09\x01 and some more"[..], &[0; 64]] {
        let (mut client, server) = sockets().await;
        client.write_all(hello).await.expect("write");
        let error = context.accept(server).await.expect_err("no handshake");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
        let mut answer = Vec::new();
        // The rest of what we sent was not read, so the end may come as a reset.
        let _ = client.read_to_end(&mut answer).await;
        assert_eq!(answer.first(), Some(&21), "an alert record after {hello:?}, not {answer:?}: {error}");
    }
}

#[tokio::test]
async fn changed_bytes_are_refused() {
    let (client, mut server) = connected(&rustls::version::TLS13).await;
    let mut tcp = client.into_inner().0;
    tcp.write_all(&[23, 3, 3, 0, 32]).await.expect("header");
    tcp.write_all(&[7; 32]).await.expect("record");
    let error = server.read(&mut [0; 16]).await.expect_err("no such record");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
}

#[tokio::test]
async fn a_client_may_change_its_keys() {
    let (mut client, mut server) = connected(&rustls::version::TLS13).await;
    for round in 0..5 {
        client.get_mut().1.refresh_traffic_keys().expect("TLS 1.3");
        let data = pattern(1000 + round);
        through(&mut client, &mut server, &data, 64).await;
        through(&mut server, &mut client, &data, 64).await;
    }
}
