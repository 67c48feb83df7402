//! Bytes of a stranger: no panic, and no more memory than there is reason for.

#[path = "../../../fuzz/src/bodies/batch.rs"]
mod bodies;
mod by_hand;

use anymq_batch::{
    BatchBuilder, BatchHeader, Codec, Compression, Fault, Head, Records, Retain, Rules, Scan, latest,
    rebuild, retain, validate,
};
use by_hand::{RAW, RECORDS, Raw, stored};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Bytes that a batch of the test may decompress to.
const BYTES_MAX: usize = 1 << 20;
/// Bytes that `work` holds at once.
fn peak(work: impl FnOnce()) -> usize {
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(before)
}

/// A small generator, so that a failure comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most.max(1)
    }
}

/// One test, so that nothing else allocates meanwhile.
#[test]
fn no_batch_panics_or_takes_memory_beyond_its_bound() {
    mutations();
    bombs();
    claims();
}

/// The body of the fuzz target, over mutated seeds.
fn mutations() {
    let mut seeds = bodies::seeds();
    seeds.push(RAW.with(RECORDS));
    seeds.extend(
        stored(RECORDS).into_iter().map(|(codec, packed)| Raw { attributes: codec, ..RAW }.with(&packed)),
    );
    let mut random = Random(7);
    for round in 0..seeds.len() + if cfg!(debug_assertions) { 6_000 } else { 200_000 } {
        let mut batch = seeds[round % seeds.len()].clone();
        for _ in 0..if round < seeds.len() { 0 } else { 1 + random.below(4) } {
            // Most of what matters is behind the header.
            let first = [0, 21, 61][random.below(3)].min(batch.len());
            let at = first + random.below(batch.len() - first);
            match random.below(6) {
                0 => batch.truncate(at),
                1 => batch.insert(at, random.below(256) as u8),
                _ if at == batch.len() => {}
                2 => batch[at] = [0, 0x7f, 0x80, 0xff][random.below(4)],
                _ => batch[at] ^= 1 << random.below(8),
            }
        }
        let outcome = std::panic::catch_unwind(|| peak(|| bodies::batches(&batch)));
        let Ok(peak) = outcome else { panic!("round {round}: {batch:02x?}") };
        let bound = 4 * batch.len() + bodies::BASE;
        assert!(peak <= bound, "round {round} held {peak} bytes: {batch:02x?}");
    }
}

/// Many bytes from few.
fn bombs() {
    for codec in Codec::ALL {
        if codec == Codec::None {
            continue;
        }
        let mut builder = BatchBuilder::new(Head::default(), codec.into());
        for _ in 0..24 {
            builder.push(0, None, Some(&vec![0; 1 << 20]), &[]).expect("fits");
        }
        let batch = builder.finish().expect("has records");
        let fault = Fault::Bomb(BYTES_MAX);
        let rules = Rules {
            scan: Scan::All,
            decompressed_bytes_max: BYTES_MAX,
            batch_bytes_max: 1 << 30,
            ..Rules::default()
        };
        let mut said = None;
        let held = peak(|| said = Some(validate(&batch, &rules)));
        assert_eq!(said, Some(Err(fault.clone())), "{codec}");
        assert_eq!(fault.code(), 10);
        assert!(held <= 2 * BYTES_MAX + (1 << 20), "{codec} held {held} bytes");
        assert_eq!(rebuild(&batch, Compression::None, BYTES_MAX), Err(fault.clone()));
        assert_eq!(latest(&batch, BYTES_MAX), Err(fault.clone()));
        assert_eq!(
            retain(&batch, &Retain { decompressed_bytes_max: BYTES_MAX, ..Retain::default() }, |_| true),
            Err(fault)
        );
        // With room for it, memory follows the largest record and not the whole.
        let held =
            peak(|| assert!(validate(&batch, &Rules { decompressed_bytes_max: 1 << 30, ..rules }).is_ok()));
        assert!(held <= 4 << 20, "{codec} held {held} bytes");
    }
}

/// Many bytes claimed, and not there.
fn claims() {
    let rules = Rules { scan: Scan::All, decompressed_bytes_max: 1 << 30, ..Rules::default() };
    let one = Raw { count: 1, last_offset_delta: 0, ..RAW };
    let check = |what: &str, batch: Vec<u8>| {
        let mut said = None;
        let held = peak(|| said = Some(validate(&batch, &rules)));
        assert!(matches!(said, Some(Err(_))), "{what}: {said:?}");
        assert!(held <= 256 << 10, "{what} held {held} bytes");
    };
    // A record of a gigabyte.
    let record = [0xfe, 0xff, 0xff, 0xff, 0x07, 0, 0, 0, 1, 1, 0];
    check("plain", one.with(&record));
    for (codec, packed) in stored(&record) {
        check("record", Raw { attributes: codec, ..one }.with(&packed));
        let most = Raw { attributes: codec, count: i32::MAX, last_offset_delta: i32::MAX - 1, ..RAW };
        check("count", most.with(&packed));
    }
    // A key and headers of a gigabyte in a record of ten bytes.
    check("key", one.with(&[20, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x07, 1, 0]));
    check("headers", one.with(&[20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x07]));
    // A raw block of snappy that says it is a gigabyte, framed and not.
    let snappy = Raw { attributes: 2, ..one };
    let block = [0xff, 0xff, 0xff, 0xff, 3, 0, 1];
    check("snappy", snappy.with(&block));
    let framed = [b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x07", &block[..]].concat();
    check("framed snappy", snappy.with(&framed));
    check("snappy's frame", snappy.with(&[&framed[..16], &[0x7f, 0xff, 0xff, 0xff, 0]].concat()));
    // The frame of zstd that wants a window of 2 TiB.
    let zstd = Raw { attributes: 4, ..one };
    check("zstd", zstd.with(&[0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 1, 0, 0]));
    let header = BatchHeader::parse(&one.with(&record)).expect("a header");
    assert_eq!(header.count, 1);
    assert!(Records::new(&one.with(&[0x0c, 0, 0, 0, 1, 1, 0]), 0).is_ok());
}
