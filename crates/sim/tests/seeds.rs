//! Seeds in CI; `ANYMQ_SIM_SEEDS` and `ANYMQ_SIM_FROM` ask for more or for one.

use anymq_sim::Crashes;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

#[test]
fn promises_hold_under_every_seed() {
    let (from, count) = (number("ANYMQ_SIM_FROM", 0), number("ANYMQ_SIM_SEEDS", 300));
    let mut broken = Vec::new();
    let (mut published, mut crashes, mut topics) = (0, 0, [0; 3]);
    for seed in from..from + count {
        match std::panic::catch_unwind(|| anymq_sim::run(seed, Crashes::Random)) {
            Ok(Ok(report)) => {
                (published, crashes) = (published + report.published, crashes + report.crashes);
                let did = [report.committed, report.compacted, report.dropped];
                topics = std::array::from_fn(|i| topics[i] + did[i]);
            }
            Ok(Err(violation)) => broken.push(violation.to_string()),
            Err(_) => broken.push(format!("seed {seed}: panicked")),
        }
    }
    assert!(broken.is_empty(), "{} of {count} seeds:\n{}", broken.len(), broken.join("\n"));
    assert!(
        published > count && crashes > count / 2,
        "{published} published, {crashes} crashes: the runs did nothing"
    );
    let enough = count < 100 || topics.iter().all(|&did| did > count / 4);
    assert!(enough, "{topics:?} transactions committed, passes of compaction, drops: too few");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        assert_eq!(
            anymq_sim::run(seed, Crashes::Random),
            anymq_sim::run(seed, Crashes::Random),
            "seed {seed}"
        );
    }
}

#[test]
fn promises_hold_whatever_operation_of_the_disk_the_crash_hits() {
    for seed in 0..number("ANYMQ_SIM_EVERY_OP", 4) {
        let ops = anymq_sim::run_every_op(seed).unwrap_or_else(|violation| panic!("{violation}"));
        assert!(ops > 20, "seed {seed}: {ops} operations are too few to say anything");
    }
}
