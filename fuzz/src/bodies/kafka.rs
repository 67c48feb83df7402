//! Kafka frames and requests (`kafka::wire`).

#![allow(unreachable_pub, reason = "a test takes this file in as a module of its own")]

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
