//! Samples of every message, broken: an error or another message, never a panic.

use anymq_runtime::Rng;

use super::sample::Dice;
use crate::wire::{ApiKey, Reader, Request, Response, Writer};

/// Mutations of each message in each version.
const ROUNDS: u64 = 60;
/// What lengths and counts break on.
const BORDERS: &[&[u8]] = &[
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff],
    &[0x7f, 0xff],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
];

fn break_some(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..=rng.below(3) {
        let at = rng.below(bytes.len() as u64 + 1) as usize;
        match rng.below(4) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.next_u64() as u8),
            2 if at < bytes.len() => bytes[at] = rng.next_u64() as u8,
            _ => {
                let border = BORDERS[rng.below(BORDERS.len() as u64) as usize];
                let end = (at + border.len()).min(bytes.len());
                bytes.splice(at..end, border.iter().copied());
            }
        }
    }
}

#[test]
fn no_broken_message_breaks_us() {
    let (mut refused, mut read) = (0, 0);
    for &api in ApiKey::ALL {
        for version in api.decodes() {
            for seed in 0..ROUNDS {
                let mut dice = Dice::new(seed);
                let mut out = Writer::new();
                Request::sample(api, &mut dice).write(&mut out, version);
                let mut bytes = out.into_segments().to_vec();
                break_some(&mut dice.0, &mut bytes);
                match Request::decode(api, version, Reader::new(&bytes)) {
                    Ok(request) => {
                        // What was read can be walked to the end and written again.
                        let mut out = Writer::new();
                        request.write(&mut out, version);
                        let again = out.into_segments().to_vec();
                        assert_eq!(Request::decode(api, version, Reader::new(&again)), Ok(request));
                        read += 1;
                    }
                    Err(_) => refused += 1,
                }
                let mut out = Writer::new();
                Response::sample(api, &mut dice).write(&mut out, version);
                let mut bytes = out.into_segments().to_vec();
                break_some(&mut dice.0, &mut bytes);
                if let Ok(response) = Response::decode(api, version, Reader::new(&bytes)) {
                    assert_eq!(response.clone(), response);
                }
            }
        }
    }
    assert!(refused > 1_000 && read > 1_000, "refused {refused}, read {read}");
}

#[test]
fn what_a_sample_is_cut_to_is_refused() {
    for &api in ApiKey::ALL {
        for version in api.decodes() {
            let mut out = Writer::new();
            Request::sample(api, &mut Dice::new(3)).write(&mut out, version);
            let bytes = out.into_segments().to_vec();
            for len in 0..bytes.len().min(200) {
                let cut = Request::decode(api, version, Reader::new(&bytes[..len]));
                assert!(cut.is_err(), "{api:?} {version} at {len} of {}: {cut:?}", bytes.len());
            }
        }
    }
}
