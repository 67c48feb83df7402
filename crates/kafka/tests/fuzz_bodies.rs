//! The bodies of the fuzz targets over mutated seeds, the same every time, under an allocator that counts; and decoding
//! itself, which allocates nothing.

#[path = "../../../fuzz/src/bodies/kafka.rs"]
mod bodies;

use anymq_kafka::wire::{ApiKey, Reader, Request};
use anymq_runtime::Rng;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Mutations for each target.
const ROUNDS: usize = 20_000;
/// What a body may hold besides four times its input, in bytes: what it decodes is written again.
const BASE: usize = 64 << 10;

/// What lengths and counts break on.
const BORDERS: &[&[u8]] = &[
    &[0],
    &[1],
    &[2],
    &[0x7f],
    &[0xff],
    &[0xff, 0xff],
    &[0, 0, 0, 1],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
];

/// One to four changes of an input.
fn mutate(rng: &mut Rng, input: &mut Vec<u8>) {
    for _ in 0..=rng.below(4) {
        let at = rng.below(input.len() as u64 + 1) as usize;
        match rng.below(5) {
            0 => input.truncate(at),
            1 => input.insert(at, rng.next_u64() as u8),
            2 if at < input.len() => input[at] ^= 1 << rng.below(8),
            _ => {
                let border = BORDERS[rng.below(BORDERS.len() as u64) as usize];
                let end = (at + border.len()).min(input.len());
                input.splice(at..end, border.iter().copied());
            }
        }
    }
}

/// Bytes that `work` held at most.
fn held(work: impl FnOnce()) -> usize {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(before)
}

fn run(name: &str, body: fn(&[u8]), seeds: &[Vec<u8>]) {
    let mut rng = Rng::new(1);
    for round in 0..seeds.len() + ROUNDS {
        let mut input = seeds[round % seeds.len()].clone();
        if round >= seeds.len() {
            mutate(&mut rng, &mut input);
        }
        let mut outcome = Ok(());
        let peak = held(|| outcome = std::panic::catch_unwind(|| body(&input)));
        assert!(outcome.is_ok(), "{name} fails on {input:02x?}");
        let bound = 4 * input.len() + BASE;
        assert!(peak <= bound, "{name} held {peak} bytes, more than {bound}, for {input:02x?}");
    }
}

/// Every api in every version, over bodies of elements of a byte or two each, whose counts are true or lies.
fn decoding_allocates_nothing() {
    let heads: [&[u8]; 6] = [
        b"",
        b"\0\0\x40\0",
        b"\xff\xff\0\0\x40\0",
        b"\x80\x40",
        b"\x7f\xff\xff\xff",
        b"\xff\xff\xff\xff\x0f",
    ];
    let mut decoded = 0;
    for fill in [0u8, 1, 2] {
        for head in heads {
            let mut body = vec![fill; 1 << 16];
            body[..head.len()].copy_from_slice(head);
            for &api in ApiKey::ALL {
                for version in api.decodes() {
                    let peak = held(|| {
                        decoded += i32::from(Request::decode(api, version, Reader::new(&body)).is_ok())
                    });
                    assert_eq!(peak, 0, "{api:?} {version}");
                }
            }
        }
    }
    assert!(decoded > 500, "{decoded}");
}

// One test, so that nothing else allocates meanwhile.
#[test]
fn no_input_breaks_a_decoder_or_makes_it_hold_much() {
    decoding_allocates_nothing();
    run("frames", bodies::frames, &bodies::frame_seeds());
    run("logins", bodies::logins, &bodies::login_seeds());
    run("requests", bodies::requests, &bodies::request_seeds());
}
