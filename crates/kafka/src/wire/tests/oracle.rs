//! Every message in every version, against the kafka-protocol crate: what we write it reads to the last byte and
//! writes again as we did.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey as TheirKey, RequestKind, ResponseKind};

use super::sample::Dice;
use crate::wire::{ApiKey, Reader, Request, Response, Writer};

/// Samples of each message in each version.
const SAMPLES: u64 = 40;

/// Versions that the oracle, made for Kafka 4.1, does not know, or knows otherwise.
fn is_beyond_the_oracle(api: ApiKey, version: i16) -> bool {
    match api {
        ApiKey::Produce => version < 3,
        ApiKey::ListOffsets => version == 0 || version > 10,
        ApiKey::OffsetCommit | ApiKey::OffsetFetch => version > 9,
        ApiKey::WriteTxnMarkers => version > 1,
        ApiKey::ShareFetch | ApiKey::ShareAcknowledge => version > 1,
        ApiKey::DescribeShareGroupOffsets => version > 0,
        ApiKey::StreamsGroupHeartbeat | ApiKey::StreamsGroupDescribe => true,
        _ => false,
    }
}

fn every_version(mut check: impl FnMut(ApiKey, i16, &mut Dice)) {
    for &api in ApiKey::ALL {
        for version in api.decodes() {
            for seed in 0..SAMPLES {
                check(api, version, &mut Dice::new(seed));
            }
        }
    }
}

fn request_bytes(request: &Request<'_>, version: i16) -> Vec<u8> {
    let mut out = Writer::new();
    request.write(&mut out, version);
    out.into_segments().to_vec()
}

fn response_bytes(response: &Response<'_>, version: i16) -> Vec<u8> {
    let mut out = Writer::new();
    response.write(&mut out, version);
    out.into_segments().to_vec()
}

#[test]
fn what_is_written_is_read_again() {
    every_version(|api, version, dice| {
        let written = request_bytes(&Request::sample(api, dice), version);
        let read = Request::decode(api, version, Reader::new(&written)).unwrap();
        assert_eq!(request_bytes(&read, version), written, "{api:?} {version}: {read:?}");
        assert_eq!(Request::decode(api, version, Reader::new(&written)).unwrap(), read);

        let written = response_bytes(&Response::sample(api, dice), version);
        let read = Response::decode(api, version, Reader::new(&written)).unwrap();
        assert_eq!(response_bytes(&read, version), written, "{api:?} {version}: {read:?}");
    });
}

#[test]
fn requests_are_what_the_oracle_reads_and_writes() {
    let mut compared = 0;
    every_version(|api, version, dice| {
        if is_beyond_the_oracle(api, version) {
            return;
        }
        let ours = request_bytes(&Request::sample(api, dice), version);
        let key = TheirKey::try_from(api.code()).unwrap();
        let mut input = Bytes::from(ours.clone());
        let read = RequestKind::decode(key, &mut input, version)
            .unwrap_or_else(|error| panic!("{api:?} {version}: {error}: {ours:02x?}"));
        assert_eq!(input.remaining(), 0, "{api:?} {version}: {read:?}");
        let mut theirs = BytesMut::new();
        read.encode(&mut theirs, version).unwrap();
        assert_eq!(ours, theirs, "{api:?} {version}: {read:?}");
        compared += 1;
    });
    assert!(compared > 5_000, "{compared}");
}

#[test]
fn responses_are_what_the_oracle_reads_and_writes() {
    let mut compared = 0;
    every_version(|api, version, dice| {
        if is_beyond_the_oracle(api, version) {
            return;
        }
        let ours = response_bytes(&Response::sample(api, dice), version);
        let key = TheirKey::try_from(api.code()).unwrap();
        let mut input = Bytes::from(ours.clone());
        let read = ResponseKind::decode(key, &mut input, version)
            .unwrap_or_else(|error| panic!("{api:?} {version}: {error}: {ours:02x?}"));
        assert_eq!(input.remaining(), 0, "{api:?} {version}: {read:?}");
        let mut theirs = BytesMut::new();
        read.encode(&mut theirs, version).unwrap();
        assert_eq!(ours, theirs, "{api:?} {version}: {read:?}");
        compared += 1;
    });
    assert!(compared > 5_000, "{compared}");
}

#[test]
fn headers_are_the_oracles() {
    for &api in ApiKey::ALL {
        let Ok(theirs) = TheirKey::try_from(api.code()) else { continue };
        for version in api.decodes() {
            let response = 1 + i16::from(api.version(version).flexible);
            assert_eq!(theirs.request_header_version(version), response, "{api:?} {version}");
            let flexible = api.response_header_is_flexible(version);
            assert_eq!(theirs.response_header_version(version), i16::from(flexible), "{api:?} {version}");
        }
    }
}
