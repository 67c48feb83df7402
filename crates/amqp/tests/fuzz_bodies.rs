//! The bodies of the fuzz targets over mutated seeds: a short run of each, the same every time, without libFuzzer.

#[path = "../../../fuzz/src/bodies/mod.rs"]
mod bodies;

use anymq_runtime::Rng;
use bodies::{ALL, Target};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Numbers that lengths and counts break on.
const BORDERS: &[&[u8]] = &[
    &[0],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0, 0],
    &[0xff, 0xff],
    &[0, 0, 0, 0],
    &[0, 0, 0, 1],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
    &[0xff; 4],
    &[0xff; 8],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

/// Longest seed that is mutated, in bytes.
const SHORT_MAX: usize = 8 << 10;

/// One to six changes of an input.
fn mutate(rng: &mut Rng, input: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..=rng.below(6) {
        let at = rng.below(input.len() as u64 + 1) as usize;
        let end = (at + 1 + rng.below(16) as usize).min(input.len());
        match rng.below(8) {
            0 if at < input.len() => input[at] ^= 1 << rng.below(8),
            1 if at < input.len() => input[at] = rng.next_u64() as u8,
            2 => input.truncate(at),
            3 => drop(input.drain(at..end)),
            4 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            5 => {
                let border = BORDERS[rng.below(BORDERS.len() as u64) as usize];
                let end = (at + border.len()).min(input.len());
                input.splice(at..end, border.iter().copied());
            }
            6 => {
                let other = &others[rng.below(others.len() as u64) as usize];
                let from = rng.below(other.len() as u64 + 1) as usize;
                let to = (from + rng.below(64) as usize).min(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
            _ => input.insert(at, rng.next_u64() as u8),
        }
    }
}

/// Runs a target on its seeds and on `rounds` mutations of them; the largest share of its bound that it held, in percent.
fn run(target: &Target, rounds: usize) -> usize {
    let seeds = (target.seeds)();
    // The long ones are there for what they make a decoder hold, and are slow.
    let short: Vec<_> = seeds.iter().filter(|seed| seed.len() <= SHORT_MAX).cloned().collect();
    let mut rng = Rng::new(1);
    let mut most = 0;
    for round in 0..seeds.len() + rounds {
        let input = match seeds.get(round) {
            Some(seed) => seed.clone(),
            None => {
                let mut input = short[round % short.len()].clone();
                mutate(&mut rng, &mut input, &short);
                input
            }
        };
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        let outcome = std::panic::catch_unwind(|| (target.body)(&input));
        let shown = &input[..input.len().min(512)];
        assert!(outcome.is_ok(), "{} fails on {shown:02x?}", target.name);
        let peak = ALLOCATOR.peak_usage().saturating_sub(before);
        let bound = target.peak_max(input.len());
        let (name, len) = (target.name, input.len());
        assert!(peak <= bound, "{name} held {peak} bytes, more than {bound}, for {len} bytes: {shown:02x?}");
        most = most.max(peak * 100 / bound);
    }
    most
}

// One test, so that nothing else allocates meanwhile.
#[test]
fn no_input_breaks_a_decoder_or_makes_it_hold_much() {
    for target in ALL {
        let rounds = match target.name {
            "journal" => 500,
            "definitions" => 1_000,
            _ => 3_000,
        };
        let most = run(target, rounds);
        println!("{}: at most {most} % of its bound", target.name);
    }
}
