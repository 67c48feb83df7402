//! Single bits turn over on the disk: each is named, none is served, and after a repair the other queues go on.

use std::collections::{BTreeMap, BTreeSet};

use anymq_conformance::{Door, End, Hall, HallOptions, Kind, Message, QueueSpec};
use anymq_log::{Finding, check, repair};
use anymq_runtime::{FaultDisk, Loss, Rng};

/// In each of two tests, which run side by side.
const FLIPS: u64 = 250;
/// Messages of one publish: they are one record.
const BATCH: u64 = 8;
const QUEUES: [(&str, Kind); 7] = [
    ("orders", Kind::Classic),
    ("mails", Kind::Classic),
    ("sums", Kind::Quorum),
    ("first", Kind::Quorum),
    ("log", Kind::Stream),
    ("urgent", Kind::Classic),
    ("late", Kind::Classic),
];

type Contents = BTreeMap<&'static str, BTreeSet<Vec<u8>>>;

struct Data {
    disk: FaultDisk,
    /// Every file and how many bytes of it mean something.
    files: Vec<(String, u64)>,
    published: Contents,
    /// Of those, what was not acknowledged.
    left: Contents,
}

fn options() -> HallOptions {
    HallOptions { segment_bytes: 8 << 10, history_bytes: 40 << 10, ..HallOptions::default() }
}

fn spec(name: &str, kind: Kind) -> QueueSpec {
    QueueSpec { priorities: (name == "urgent").then_some(4), ..QueueSpec::new(name, kind) }
}

/// One client's work: publishes to each queue, takes some, acknowledges some.
fn work(hall: &mut Hall, data: &mut Data, rng: &mut Rng, round: u64) {
    for (queue, kind) in QUEUES {
        if queue == "late" && round < 9 {
            continue; // It is declared after the last snapshot: its record is in the journal alone.
        }
        let mut messages = Vec::new();
        for n in 0..BATCH as u8 {
            let mut body = format!("{queue} {round} {n} ").into_bytes();
            body.resize(body.len() + rng.below(200) as usize, b'a' + n);
            data.published.entry(queue).or_default().insert(body.clone());
            data.left.entry(queue).or_default().insert(body.clone());
            messages.push(Message { priority: n % 5, ..Message::new(body) });
        }
        hall.publish(queue, &messages);
        if kind == Kind::Stream {
            continue;
        }
        let client = hall.connect();
        for n in 0..7 {
            let given = hall.fetch(client, queue).expect("there is more than is taken");
            if n != 3 {
                data.left.get_mut(queue).expect("published to").remove(&given.body);
                hall.end(given.lease, End::Ack);
            }
        }
        hall.disconnect(client);
    }
}

fn built() -> Data {
    let mut hall = Hall::new(options());
    let (published, left) = (Contents::new(), Contents::new());
    let mut data = Data { disk: FaultDisk::new(), files: Vec::new(), published, left };
    let mut rng = Rng::new(3);
    for (queue, kind) in QUEUES.into_iter().filter(|(q, _)| *q != "late") {
        hall.declare(&spec(queue, kind));
    }
    for round in 0..14 {
        if round == 9 {
            hall.declare(&spec("late", Kind::Classic));
        }
        work(&mut hall, &mut data, &mut rng, round);
        hall.broker().housekeep();
        if round == 4 || round == 8 {
            hall.broker().snapshot().expect("there is room for a snapshot");
        }
    }
    hall.flush();
    let used: BTreeMap<u32, u64> = hall.broker().log().segments().iter().map(|s| (s.id, s.bytes)).collect();
    for (path, bytes) in hall.files() {
        let id = path.strip_prefix("segments/").and_then(|n| u32::from_str_radix(n.get(..8)?, 16).ok());
        match id {
            // What is behind the end is not looked at.
            Some(_) if path.ends_with(".spare") => {}
            Some(id) => data.files.extend(used.get(&id).map(|&bytes| (path, bytes))),
            None => data.files.push((path, bytes)),
        }
    }
    // The journal's end is marked, as a committer that has nothing to do does; no snapshot is taken.
    hall.broker().log().close().expect("the journal closes");
    data.disk = hall.disk().after_crash(Loss::Nothing);
    assert!(data.files.iter().filter(|(p, _)| p.starts_with("snapshots/")).count() == 2, "{:?}", data.files);
    assert!(data.files.len() > 6, "{:?}", data.files);
    data
}

/// Everything that the queues serve. A body that was never published, or comes twice, is a panic.
fn served(hall: &mut Hall, data: &Data, what: &str) -> Contents {
    let mut all = Contents::new();
    for (queue, kind) in QUEUES {
        let bodies = all.entry(queue).or_default();
        if !hall.exists(queue) {
            continue;
        }
        let client = hall.connect();
        if kind == Kind::Stream {
            hall.consume(client, queue, 1_000);
        }
        loop {
            let given = if kind == Kind::Stream { hall.receive(client) } else { hall.fetch(client, queue) };
            let Some(given) = given else { break };
            assert!(
                data.published[queue].contains(&given.body),
                "{what}: {queue} serves what nobody published"
            );
            assert!(bodies.insert(given.body), "{what}: {queue} serves a message twice");
        }
    }
    all
}

fn findings(disk: &FaultDisk) -> Vec<Finding> {
    let mut found = Vec::new();
    check(disk, &mut |finding| found.push(finding)).expect("the directory can be read");
    found
}

/// The broker on a damaged directory: it refuses and says where, or it serves nothing wrong and says what it could not serve.
fn judge_as_it_is(data: &Data, disk: FaultDisk, path: &str, what: &str) -> bool {
    let mut hall = match Hall::on(disk, options()) {
        Ok(hall) => hall,
        Err(refusal) => {
            let text = refusal.to_string();
            assert!(text.contains(path) || text.contains("anymq repair"), "{what}: it says only: {text}");
            return false;
        }
    };
    let served = served(&mut hall, data, what);
    let missing = |q: &str| data.left[q].difference(&served[q]).count() as u64;
    let missing: u64 = QUEUES.iter().map(|(q, _)| missing(q)).sum();
    let reported = hall.broker().totals().stats.corrupt;
    assert!(missing <= reported, "{what}: {missing} messages are missing, {reported} are said to be");
    assert!(missing <= BATCH, "{what}: {missing} messages are missing, {BATCH} were in the damaged record");
    assert!(
        QUEUES.iter().all(|(q, _)| served[q].is_subset(&data.left[q])),
        "{what}: settled ones come again"
    );
    true
}

/// After a repair the broker starts, and at most one queue is not what it was.
fn judge_repaired(data: &Data, disk: FaultDisk, what: &str) {
    repair(&disk, &mut |_| ()).unwrap_or_else(|e| panic!("{what}: repair: {e}"));
    let damage: Vec<_> = findings(&disk).into_iter().filter(Finding::is_damage).collect();
    assert_eq!(damage, [], "{what}: repaired");
    let mut hall = Hall::on(disk, options()).unwrap_or_else(|e| panic!("{what}: after the repair: {e}"));
    let served = served(&mut hall, data, what);
    let hurt: Vec<_> = QUEUES.iter().filter(|(q, _)| served[q] != data.left[q]).map(|(q, _)| q).collect();
    assert!(hurt.len() <= 1, "{what}: after the repair {hurt:?} are not what they were");
}

fn flips(seed: u64) {
    let data = built();
    assert_eq!(findings(&data.disk).into_iter().filter(Finding::is_damage).count(), 0);
    let mut whole = Hall::on(data.disk.after_crash(Loss::Nothing), options()).expect("it is whole");
    assert_eq!(served(&mut whole, &data, "whole"), data.left);
    let total: u64 = data.files.iter().map(|(_, bytes)| bytes).sum();
    let mut rng = Rng::new(seed);
    let (mut refused, mut served) = (0, 0);
    for flip in 0..FLIPS {
        // Half of the flips choose a file first, so that small ones get their share.
        let (path, byte) = if flip % 2 == 0 {
            let (path, bytes) = &data.files[rng.below(data.files.len() as u64) as usize];
            (path, rng.below(*bytes))
        } else {
            let mut at = rng.below(total);
            let file = data.files.iter().find(|(_, bytes)| {
                let inside = at < *bytes;
                at -= if inside { 0 } else { *bytes };
                inside
            });
            (&file.expect("within the total").0, at)
        };
        let bit = rng.below(8) as u8;
        let what = format!("{path} byte {byte} bit {bit}");
        let disk = || {
            let disk = data.disk.after_crash(Loss::Nothing);
            disk.flip(path, byte, bit);
            disk
        };
        let found = findings(&disk());
        assert!(found.iter().any(|f| f.file == *path && f.is_damage()), "check misses {what}: {found:?}");
        match judge_as_it_is(&data, disk(), path, &what) {
            true => served += 1,
            false => refused += 1,
        }
        judge_repaired(&data, disk(), &what);
    }
    assert!(refused > 25 && served > 25, "{refused} refused, {served} served: both kinds were tried");
}

#[test]
fn flips_are_named_and_none_is_served() {
    flips(1);
}

#[test]
fn other_flips_are_named_and_none_is_served() {
    flips(2);
}
