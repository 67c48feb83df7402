//! Real sockets, real certificates.

#![allow(clippy::disallowed_methods, reason = "the handshake deadline is real time")]

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anymq_net::{
    Accepted, BindError, Config, Drained, Lifecycle, Listener, TLS_HANDSHAKE_DEADLINE, TlsConfig,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
const WAIT: Duration = Duration::from_secs(20);

struct Authority {
    pem: String,
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

struct Issued {
    pem: String,
    key_pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(vec![]).expect("params");
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("key");
    let cert = params.self_signed(&key).expect("authority");
    Authority { pem: cert.pem(), der: cert.der().clone(), issuer: Issuer::new(params, key) }
}

impl Authority {
    fn issue(&self, name: &str) -> Issued {
        let mut params = CertificateParams::new(vec!["localhost".into()]).expect("params");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("key");
        let cert = params.signed_by(&key, &self.issuer).expect("certificate");
        Issued {
            pem: cert.pem(),
            key_pem: key.serialize_pem(),
            der: cert.der().clone(),
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        }
    }
}

struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Files { dir: tempfile::tempdir().expect("directory") }
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("file");
        path
    }

    fn tls(&self, server: &Issued, client_ca: Option<&Authority>) -> TlsConfig {
        TlsConfig {
            cert: self.put("cert.pem", &server.pem),
            key: self.put("key.pem", &server.key_pem),
            client_ca: client_ca.map(|ca| self.put("ca.pem", &ca.pem)),
            require_client_cert: client_ca.is_some(),
        }
    }
}

fn config() -> Config {
    Config { addresses: vec![LOOPBACK], ..Config::default() }
}

/// A door that greets, reports what it got and stays until the client leaves or the broker stops.
fn greet(listener: Listener, life: &Lifecycle) -> mpsc::Receiver<(SocketAddr, Option<String>)> {
    let (seen, report) = mpsc::channel(64);
    let stopping = life.stopping().clone();
    listener.serve(life, move |mut accepted: Accepted| {
        let (seen, stopping) = (seen.clone(), stopping.clone());
        async move {
            let subject =
                accepted.tls.as_ref().and_then(|t| t.client_cert.as_ref()).map(|c| c.subject.clone());
            let _ = seen.send((accepted.peer, subject)).await;
            if accepted.stream.write_all(b"hello").await.is_ok() && accepted.stream.flush().await.is_ok() {
                let mut rest = [0; 16];
                tokio::select! {
                    () = stopping.cancelled() => { let _ = accepted.stream.write_all(b"bye").await; }
                    _ = accepted.stream.read(&mut rest) => {}
                }
            }
            let _ = accepted.stream.shutdown().await;
        }
    });
    report
}

async fn client(
    address: SocketAddr,
    trust: &Authority,
    identity: Option<Issued>,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(trust.der.clone()).expect("root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let config = match identity {
        Some(id) => builder.with_client_auth_cert(vec![id.der], id.key).expect("identity"),
        None => builder.with_no_client_auth(),
    };
    let tcp = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("name");
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

async fn greeting<S: AsyncReadExt + Unpin>(stream: &mut S) -> std::io::Result<[u8; 5]> {
    let mut hello = [0; 5];
    tokio::time::timeout(WAIT, stream.read_exact(&mut hello)).await.expect("answer in time")?;
    Ok(hello)
}

#[tokio::test]
async fn plain_connections_reach_the_door_and_drain_says_goodbye() {
    let life = Lifecycle::new();
    let listener = Listener::bind("test", &config()).expect("bind");
    let address = listener.plain_addresses()[0];
    assert_ne!(address.port(), 0);
    let mut report = greet(listener, &life);
    let mut stream = TcpStream::connect(address).await.expect("connect");
    assert_eq!(&greeting(&mut stream).await.expect("greeting"), b"hello");
    assert_eq!(report.recv().await, Some((stream.local_addr().expect("address"), None)));
    assert_eq!(life.drain(WAIT).await, Drained::Clean);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("goodbye");
    assert_eq!(rest, b"bye");
    assert!(TcpStream::connect(address).await.is_err(), "socket is closed after the drain");
}

#[tokio::test]
async fn one_port_for_every_address_and_a_taken_port_is_named() {
    let both = Config { addresses: vec![LOOPBACK, IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)], ..config() };
    let listener = Listener::bind("test", &both).expect("bind");
    let addresses = listener.plain_addresses();
    assert!(addresses.iter().all(|a| a.port() == addresses[0].port()), "{addresses:?}");
    let again = Config { port: addresses[0].port(), ..config() };
    match Listener::bind("other", &again).expect_err("taken") {
        BindError::InUse { door, address } => {
            assert_eq!((door, address.port()), ("other", addresses[0].port()));
        }
        other => panic!("{other}"),
    }
    let foreign = Config { addresses: vec!["192.0.2.1".parse().expect("address")], ..config() };
    let error = Listener::bind("test", &foreign).expect_err("not our address");
    assert!(matches!(error, BindError::Unavailable { .. }), "{error}");
}

#[tokio::test]
async fn limits_refuse_and_recover() {
    let life = Lifecycle::new();
    let limits = Config { max_connections: 8, max_unauthenticated_per_ip: 2, ..config() };
    let listener = Listener::bind("test", &limits).expect("bind");
    let (address, admissions) = (listener.plain_addresses()[0], listener.admissions().clone());
    let mut report = greet(listener, &life);
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.expect("connect");
        greeting(&mut stream).await.expect("greeting");
        kept.push(stream);
        report.recv().await.expect("seen");
    }
    let mut refused = TcpStream::connect(address).await.expect("connect");
    assert!(greeting(&mut refused).await.is_err(), "third peer of one address that has not logged in");
    drop(kept);
    tokio::time::timeout(WAIT, async {
        while admissions.connections() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("places come back");
    let mut stream = TcpStream::connect(address).await.expect("connect");
    greeting(&mut stream).await.expect("greeting");
    drop(stream);
    life.drain(WAIT).await;
}

#[tokio::test]
async fn mutual_tls_names_the_client_and_refuses_other_authorities() {
    let (ours, theirs, files) = (authority("ours"), authority("ours"), Files::new());
    let life = Lifecycle::new();
    let tls = Some(files.tls(&ours.issue("server"), Some(&ours)));
    let listener = Listener::bind("test", &Config { plaintext: false, tls, ..config() }).expect("bind");
    assert!(listener.plain_addresses().is_empty());
    let address = listener.tls_addresses()[0];
    let mut report = greet(listener, &life);

    let mut stream = client(address, &ours, Some(ours.issue("worker-7"))).await.expect("handshake");
    assert_eq!(&greeting(&mut stream).await.expect("greeting"), b"hello");
    assert_eq!(report.recv().await.and_then(|r| r.1).as_deref(), Some("CN=worker-7"));

    // Same issuer name, another key: the whole chain counts. In TLS 1.3 the client learns it on its first read.
    for identity in [Some(theirs.issue("worker-7")), None] {
        let refused = match client(address, &ours, identity).await {
            Ok(mut stream) => greeting(&mut stream).await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
    }
    assert!(
        client(address, &theirs, None).await.is_err(),
        "client does not trust another authority's server"
    );
    assert!(report.try_recv().is_err(), "the door saw none of them");
    drop(stream);
    life.drain(WAIT).await;
}

/// A ClientHello whose newest version is TLS 1.1 (RFC 5246 section 7.4.1.2), otherwise one that the server could take.
fn tls_1_1_hello() -> Vec<u8> {
    let mut body = vec![3, 2]; // client_version
    body.extend([7; 32]); // random
    body.push(0); // session id
    body.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x2f]); // suites: ECDHE with ECDSA or RSA, AES-128-GCM
    body.extend([1, 0]); // compression: none
    let signatures = [0, 13, 0, 6, 0, 4, 4, 3, 8, 4];
    let groups = [0, 10, 0, 4, 0, 2, 0, 29];
    body.extend([0, (signatures.len() + groups.len()) as u8]);
    body.extend(signatures);
    body.extend(groups);
    let mut hello = vec![0x16, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    hello.extend(body);
    hello
}

#[tokio::test]
async fn tls_1_1_and_plain_text_are_refused() {
    let (ours, files) = (authority("ours"), Files::new());
    let life = Lifecycle::new();
    let tls = Some(files.tls(&ours.issue("server"), None));
    let listener = Listener::bind("test", &Config { tls, ..config() }).expect("bind");
    let address = listener.tls_addresses()[0];
    let mut report = greet(listener, &life);
    for (hello, alert) in [(tls_1_1_hello(), 70u8), (b"AMQP\0\0\x09\x01".to_vec(), 0)] {
        let mut stream = TcpStream::connect(address).await.expect("connect");
        stream.write_all(&hello).await.expect("send");
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(WAIT, stream.read_to_end(&mut answer)).await.expect("closed in time");
        if alert != 0 {
            assert_eq!(answer.first().copied(), Some(0x15), "an alert: {answer:?}");
            assert_eq!(answer.last().copied(), Some(alert), "protocol_version: {answer:?}");
        }
    }
    assert!(report.try_recv().is_err(), "the door saw none of them");
    life.drain(WAIT).await;
}

#[tokio::test]
async fn certificates_are_replaced_while_running() {
    let (old, new, files) = (authority("old"), authority("new"), Files::new());
    let life = Lifecycle::new();
    let tls = Some(files.tls(&old.issue("server"), None));
    let listener = Listener::bind("test", &Config { tls, ..config() }).expect("bind");
    let (address, context) = (listener.tls_addresses()[0], listener.tls().expect("tls").clone());
    let _report = greet(listener, &life);
    drop(client(address, &old, None).await.expect("old certificate"));

    files.put("key.pem", "not a key");
    context.reload().expect_err("a broken key is an error");
    drop(client(address, &old, None).await.expect("and the old certificate stays"));

    let next = new.issue("server");
    files.put("cert.pem", &next.pem);
    context.reload().expect_err("the key is still broken");
    files.put("key.pem", &next.key_pem);
    context.reload().expect("reload");
    assert!(client(address, &old, None).await.is_err());
    drop(client(address, &new, None).await.expect("new certificate"));
    assert_eq!(context.certificate().expect("leaf").common_name.as_deref(), Some("server"));
    life.drain(WAIT).await;
}

#[tokio::test(start_paused = true)]
async fn a_stalled_handshake_is_cut_off() {
    let (ours, files) = (authority("ours"), Files::new());
    let life = Lifecycle::new();
    let tls = Some(files.tls(&ours.issue("server"), None));
    let listener = Listener::bind("test", &Config { tls, ..config() }).expect("bind");
    let address = listener.tls_addresses()[0];
    let _report = greet(listener, &life);
    let begun = tokio::time::Instant::now();
    let mut stream = TcpStream::connect(address).await.expect("connect");
    stream.write_all(&[0x16, 3, 1]).await.expect("send");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(begun.elapsed() >= TLS_HANDSHAKE_DEADLINE, "{:?}", begun.elapsed());
    assert!(begun.elapsed() < TLS_HANDSHAKE_DEADLINE * 2, "{:?}", begun.elapsed());
    life.drain(WAIT).await;
}

#[test]
fn unusable_files_are_named() {
    let (ours, files) = (authority("ours"), Files::new());
    let good = files.tls(&ours.issue("server"), None);
    let other_key = files.put("other.pem", &ours.issue("other").key_pem);
    let empty = files.put("empty.pem", "");
    let cases = [
        (TlsConfig { cert: "/nowhere/cert.pem".into(), ..good.clone() }, "cannot read /nowhere/cert.pem"),
        (TlsConfig { cert: empty.clone(), ..good.clone() }, "empty.pem holds no usable certificate"),
        (TlsConfig { key: empty.clone(), ..good.clone() }, "empty.pem holds no usable private key"),
        (TlsConfig { key: other_key, ..good.clone() }, "other.pem does not fit certificate"),
        (TlsConfig { client_ca: Some(empty), ..good }, "empty.pem holds no usable certificate"),
    ];
    for (config, expected) in cases {
        let error = anymq_net::TlsContext::load(config).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}
