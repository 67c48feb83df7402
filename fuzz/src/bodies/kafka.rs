//! Kafka frames and requests (`kafka::wire`).

#![allow(unreachable_pub, reason = "a test takes this file in as a module of its own")]

use anymq_auth::oauth2::Unsecured;
use anymq_auth::scram::{ClientFirst, ScramCredential, ScramExchange, ScramMechanism, ScramSecret};
use anymq_kafka::sasl;
use anymq_kafka::wire::{ApiKey, Reader, Request, RequestHeader, WireError, Writer, split_frame};

/// A server's limit for one request, in bytes.
const FRAME_MAX: usize = 1 << 20;

/// A socket's bytes: frames are found, headers read, requests decoded.
pub fn frames(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((frame, len))) = split_frame(rest, FRAME_MAX) {
        assert!(len == frame.len() + 4 && len <= rest.len());
        if let Ok((header, body)) = RequestHeader::parse(frame) {
            assert!(body.rest().len() <= frame.len() - 8);
            if header.is_from_the_future() {
                let refused = Request::decode(header.api, header.version, body).map(|_| ());
                assert_eq!(
                    refused,
                    Err(WireError::UnsupportedVersion { api: ApiKey::ApiVersions, version: header.version })
                );
            } else {
                decode(header.api, header.version, body);
            }
        }
        rest = &rest[len..];
    }
}

/// Requests of every api: the first byte chooses the api, the second the version.
pub fn requests(data: &[u8]) {
    let [api, version, body @ ..] = data else { return };
    let api = ApiKey::ALL[usize::from(*api) % ApiKey::ALL.len()];
    let versions = api.decodes();
    let count = versions.end() - versions.start() + 1;
    decode(api, versions.start() + i16::from(*version) % count, Reader::new(body));
}

/// What decodes must be written, and decode again to the same.
fn decode(api: ApiKey, version: i16, body: Reader<'_>) {
    let Ok(request) = Request::decode(api, version, body) else { return };
    let mut out = Writer::new();
    request.write(&mut out, version);
    let again = out.into_segments().to_vec();
    assert_eq!(Request::decode(api, version, Reader::new(&again)), Ok(request));
}

/// Tokens of every mechanism, a line each: what is understood was said, and nobody who has not the password gets in.
pub fn logins(data: &[u8]) {
    if let Some((user, password)) = sasl::plain_token(data) {
        let rest = [&b"\0"[..], user, b"\0", password].concat();
        assert!(data == rest || data == [user, &rest].concat());
    }
    if let Some((identity, token)) = sasl::bearer_token(data) {
        assert!(token.len() + identity.map_or(0, |identity| identity.len()) < data.len());
        if let Ok(unsecured) = Unsecured::read(token.as_bytes(), 1) {
            assert!(unsecured.expires_s > 0);
        }
    }
    let (first, last) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &b""[..]),
    };
    let Some(first) = ClientFirst::parse(first) else { return };
    assert!(!first.user().is_empty());
    let secret = ScramSecret::new([7; 32]);
    for mechanism in ScramMechanism::ALL {
        let random = [3; anymq_auth::scram::RANDOM_BYTES];
        let stored = ScramCredential::of_salted(mechanism, b"salted", b"salt", 4096).ok();
        for stored in [stored.as_ref(), None] {
            let exchange = ScramExchange::begin(mechanism, &first, stored, (&secret, 4096), random);
            assert_eq!(exchange.user(), first.user());
            assert_eq!(exchange.finish(last), None, "without the password");
            // The nonce and the header are right, and only the proof is not.
            let nonce = exchange.server_first().split(',').next().expect("it begins with it");
            let last = [b"c=biws,", nonce.as_bytes(), b",", last].concat();
            assert_eq!(exchange.finish(&last), None, "without the password");
        }
    }
}

pub fn login_seeds() -> Vec<Vec<u8>> {
    [
        "\0guest\0secret",
        "guest\0guest\0secret",
        "\0\0",
        "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL\nc=biws,r=fyko+d2lbbFgONRv9qkxdawL,p=AAAA",
        "n,a=me=2Cyou,n=me=2Cyou,r=abc,x=y\np=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "y,,n=user,r=abc",
        "p=tls-unique,,n=user,r=abc",
        "n,,m=x,n=user,r=abc",
        // {"alg":"none"} . {"sub":"u","exp":9999999999}
        "n,,\u{1}auth=Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1IiwiZXhwIjo5OTk5OTk5OTk5fQ.\u{1}\u{1}",
        "n,a=me,\u{1}host=h\u{1}auth=bearer a.b.c\u{1}port=1\u{1}\u{1}",
        "\u{1}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// Api, version and a body for each byte that fills it: nothing, small counts, lies.
pub fn request_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (which, api) in ApiKey::ALL.iter().enumerate() {
        for version in 0..api.decodes().count() {
            for fill in [0, 1, 2, 0x7f, 0xff] {
                let mut seed = vec![fill; 80];
                (seed[0], seed[1]) = (which as u8, version as u8);
                seeds.push(seed);
            }
        }
    }
    // DeleteGroups with two billion names, and CreateTopics with four billion topics.
    seeds.push(b"\x24\0\x7f\xff\xff\xff".to_vec());
    seeds.push(b"\x11\x05\xff\xff\xff\xff\x0f".to_vec());
    seeds
}

/// The same as frames, and some that end too early.
pub fn frame_seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<_> = (request_seeds().into_iter().step_by(5))
        .map(|seed| {
            let api = ApiKey::ALL[usize::from(seed[0])];
            let version = api.decodes().start() + i16::from(seed[1]);
            let mut frame = Writer::request(api, version, 7, Some("fuzz")).finish().to_vec();
            frame.extend_from_slice(&seed[2..]);
            let size = (frame.len() - 4) as u32;
            frame[..4].copy_from_slice(&size.to_be_bytes());
            frame
        })
        .collect();
    seeds.push(b"\0\0\0\x0a\0\x12\0\x63\0\0\0\x05\xff\xff".to_vec());
    seeds.push(b"\x7f\xff\xff\xff".to_vec());
    seeds.push(b"\0\0\0\x03abc".to_vec());
    seeds
}
