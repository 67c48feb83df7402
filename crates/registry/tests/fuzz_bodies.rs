//! The body of the fuzz target over mutated seeds, the same every time, under an allocator that counts; and inputs made to be slow.

#[path = "../../../fuzz/src/bodies/registry.rs"]
mod bodies;

use std::time::Duration;

use anymq_catalog::SchemaKind;
use anymq_registry::examine;
use anymq_runtime::{Clock, Rng, SystemClock};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Mutations.
const ROUNDS: usize = 3_000;
/// Longest that any schema may take, unoptimised and on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

/// What brackets, texts and numbers break on.
const BORDERS: &[&[u8]] = &[
    &[0],
    &[0xff],
    b"{",
    b"}",
    b"[[[[[[[[[[",
    b"\"",
    b"\\",
    b"\"$ref\":\"#\",",
    b"99999999999999999999",
    b"-1",
    b"null",
    b"option",
    b"/*",
    b"\xef\xbf\xbf",
];

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

// One test: the allocator counts for the whole process.
#[test]
fn whatever_comes_is_bounded() {
    let seeds = bodies::seeds();
    let mut rng = Rng::new(1);
    // Meta-schemas and known imports are made once and stay.
    seeds.iter().for_each(|seed| bodies::schemas(seed));
    for round in 0..seeds.len() + ROUNDS {
        let mut input = seeds[round % seeds.len()].clone();
        if round >= seeds.len() {
            mutate(&mut rng, &mut input);
        }
        ALLOCATOR.reset_peak_usage();
        let before = ALLOCATOR.current_usage();
        let outcome = std::panic::catch_unwind(|| bodies::schemas(&input));
        assert!(outcome.is_ok(), "fails on {:?}", String::from_utf8_lossy(&input));
        let peak = ALLOCATOR.peak_usage().saturating_sub(before);
        let bound = 4 * input.len() + bodies::BASE;
        assert!(
            peak <= bound,
            "held {peak} bytes, more than {bound}, for {:?}",
            String::from_utf8_lossy(&input)
        );
    }
    slow_ones_end();
}

/// Schemas of the largest size that is taken, made of what multiplies or nests.
fn slow_ones_end() {
    const BYTES: usize = 1 << 20;
    let filled = |head: &str, each: &dyn Fn(usize) -> String, tail: &str| {
        let mut text = head.to_owned();
        for n in 0.. {
            let next = each(n);
            if text.len() + next.len() + tail.len() > BYTES {
                break;
            }
            text.push_str(&next);
        }
        text + tail
    };
    let cases = [
        (SchemaKind::Avro, "[".repeat(BYTES)),
        (
            SchemaKind::Avro,
            filled(r#"["null""#, &|n| format!(r#",{{"type":"fixed","name":"f{n}","size":1}}"#), "]"),
        ),
        (
            SchemaKind::Json,
            filled(
                r#"{"properties":{"a":{}"#,
                &|n| format!(r##","p{n}":{{"$ref":"#/properties/a"}}"##),
                "}}",
            ),
        ),
        (
            SchemaKind::Json,
            filled(r#"{"anyOf":[true"#, &|_| r##",{"properties":{"a":{"$ref":"#"}}}"##.into(), "]}"),
        ),
        (SchemaKind::Json, format!(r#"{{"pattern":"{}"}}"#, "(a*)*".repeat(50_000))),
        (SchemaKind::Json, r#"{"pattern":"(((a{99}){99}){99}){99}"}"#.into()),
        (SchemaKind::Protobuf, "message M {".repeat(BYTES / 11)),
        (
            SchemaKind::Protobuf,
            filled("syntax = \"proto3\";", &|n| format!("message M{n} {{ M{n} a = 1; }}"), ""),
        ),
        // The largest that are taken.
        (
            SchemaKind::Protobuf,
            (0..1_990).fold("syntax = \"proto3\";".to_owned(), |text, n| {
                text + &format!("message M{n} {{ M{n} a = 1; }}")
            }),
        ),
        (
            SchemaKind::Protobuf,
            (1..18_000).fold("syntax = \"proto3\"; message M {".to_owned(), |text, n| {
                text + &format!("int32 f{n} = {n};")
            }) + "}",
        ),
    ];
    for (kind, text) in cases {
        let began = SystemClock.monotonic();
        let outcome = examine(kind, &text, b"\0\0");
        let took = SystemClock.monotonic().saturating_sub(began);
        let shown = &text[..60.min(text.len())];
        println!("{kind} {shown}: {took:?}");
        assert!(took < LONGEST, "{kind} {shown} took {took:?} ({:?})", outcome.map(|_| "taken"));
    }
}
