use std::time::Duration;

use anymq_batch::Codec;
use anymq_kafka::wire::{ApiKey, ErrorCode};

use super::stand_in::StandIn;
use super::*;
use crate::progress::Progress;
use crate::result::Measurement;
use crate::run::{Server, measure};

const NO_PROGRESS: bool = false;

fn run_against(url: &str, load: &Load, keep: bool) -> Result<Measurement<Load>> {
    let server = Server { target: Target::parse(url).expect("a URL"), pid: Some(std::process::id()) };
    let names = Names { prefix: "test".to_owned(), keep };
    measure::<Kafka>(&server, load, &names, &Progress::new(NO_PROGRESS))
}

fn url(server: &StandIn) -> String {
    format!("kafka://127.0.0.1:{}", server.port())
}

fn load(messages: u64) -> Load {
    Load { messages, warmup: Duration::ZERO, duration: Duration::from_secs(60), ..Load::default() }
}

fn count(measured: &Measurement<Load>, per_second: f64) -> u64 {
    (per_second * measured.seconds).round() as u64
}

#[test]
fn every_record_is_acknowledged_consumed_and_timed() {
    let server = StandIn::start(2);
    let load = Load { producers: 3, consumers: 2, partitions: 5, batch_bytes: 1000, ..load(1000) };
    let measured = run_against(&url(&server), &load, false).expect("runs");
    assert_eq!(count(&measured, measured.delivered_per_second), 1000);
    assert_eq!(count(&measured, measured.published_per_second), 1000);
    assert_eq!(count(&measured, measured.confirmed_per_second), 1000);
    assert_eq!((measured.missing, measured.refused), (0, 0));
    assert_eq!(measured.latency.map(|latency| latency.count), Some(1000));
    assert_eq!(measured.confirm_latency.map(|latency| latency.count), Some(1000));
    let megabytes = measured.megabytes_per_second.expect("told in bytes");
    assert!((megabytes - measured.delivered_per_second * 100.0 / 1e6).abs() < 1e-6, "{measured:?}");
    assert!(measured.server.expect("a pid was given").resident_bytes > 0);
    assert_eq!(server.topics(), Vec::<String>::new(), "everything is cleared away");
    assert_eq!(server.acks(), [-1]);
}

#[test]
fn partitions_share_the_records_and_requests_are_pipelined() {
    let server = StandIn::start(1);
    let load = Load { consumers: 0, partitions: 4, batch_bytes: 1000, in_flight: 3, ..load(4000) };
    let measured = run_against(&url(&server), &load, true).expect("runs");
    assert_eq!(count(&measured, measured.published_per_second), 4000);
    assert_eq!(measured.latency, None);
    let counts = server.counts("test-topic");
    assert_eq!(counts.iter().sum::<i64>(), 4000);
    assert!(counts.iter().all(|count| (900..=1100).contains(count)), "{counts:?}");
    assert!((1..=3).contains(&server.in_flight_max()), "{}", server.in_flight_max());
}

#[test]
fn a_schedule_sets_the_rate_and_the_generator_tells_its_own_delay() {
    let server = StandIn::start(1);
    let duration = Duration::from_millis(500);
    for linger in [Duration::ZERO, Duration::from_millis(20)] {
        let load = Load { rate: 2000, producers: 2, duration, linger, ..load(0) };
        let measured = run_against(&url(&server), &load, false).expect("runs");
        // What is due in the measured half second is exactly 1000, however late it was sent.
        let latency = measured.latency.expect("records arrived");
        assert!((990..=1010).contains(&latency.count), "{latency:?}");
        assert_eq!(measured.send_lag.map(|lag| lag.count), Some(latency.count));
        assert_eq!(measured.missing, 0);
        // The first record of a batch waits for as long as the batch may.
        assert!(latency.max_us >= linger.as_secs_f64() * 1e6, "{latency:?}");
    }
}

#[test]
fn without_acks_nothing_is_awaited_and_nothing_is_lost() {
    let server = StandIn::start(1);
    let load = Load { acks: Acks::None, key_size: 8, partitions: 3, consumers: 3, ..load(3000) };
    let measured = run_against(&url(&server), &load, false).expect("runs");
    assert_eq!(count(&measured, measured.delivered_per_second), 3000);
    assert_eq!((measured.missing, measured.confirm_latency), (0, None));
    assert_eq!(server.acks(), [0]);
}

#[test]
fn compressed_batches_are_read_back() {
    for compression in [Compression::Lz4, Compression::Zstd, Compression::Gzip, Compression::Snappy] {
        let server = StandIn::start(1);
        let load = Load { compression, check_crc: true, consumers: 1, ..load(2000) };
        let measured = run_against(&url(&server), &load, true).expect("runs");
        assert_eq!(count(&measured, measured.delivered_per_second), 2000);
        assert_eq!(measured.latency.map(|latency| latency.count), Some(2000));
        let headers = server.headers("test-topic");
        let codecs: Vec<Codec> = headers.iter().map(|h| h.attributes.codec().expect("known")).collect();
        assert!(codecs.iter().all(|codec| *codec == compression.codec()), "{codecs:?}");
    }
}

#[test]
fn an_idempotent_producer_numbers_its_records() {
    let server = StandIn::start(2);
    let load =
        Load { idempotent: true, producers: 1, consumers: 0, partitions: 2, batch_bytes: 500, ..load(100) };
    run_against(&url(&server), &load, true).expect("runs");
    assert_eq!(server.heard(ApiKey::InitProducerId), 2);
    for sequences in server.sequences("test-topic") {
        let (id, first) = sequences[0];
        assert_eq!(first, 0);
        assert!(id > 0 && sequences.iter().all(|(other, _)| *other == id), "{sequences:?}");
        assert!(sequences.is_sorted() && sequences.len() > 3, "{sequences:?}");
    }
}

#[test]
fn a_backlog_is_written_first_and_then_consumed_in_pieces() {
    let server = StandIn::start(1);
    let load = Load {
        producers: 0,
        from_beginning: true,
        fill: 5000,
        partitions: 2,
        batch_bytes: 2000,
        fetch_partition_bytes: 7000,
        ..load(0)
    };
    let measured = run_against(&url(&server), &load, false).expect("runs");
    assert_eq!(count(&measured, measured.delivered_per_second), 5000);
    assert_eq!((measured.published_per_second, measured.latency), (0.0, None));
    assert!(server.heard(ApiKey::Fetch) > 30, "{} fetches", server.heard(ApiKey::Fetch));
}

#[test]
fn a_bounded_backlog_and_large_records_get_through() {
    let server = StandIn::start(1);
    let load = Load { backlog: 3, size: 300_000, ..load(50) };
    let measured = run_against(&url(&server), &load, false).expect("runs");
    assert_eq!(count(&measured, measured.delivered_per_second), 50);
    assert_eq!(measured.missing, 0);
}

#[test]
fn a_kept_topic_is_used_again_if_it_fits() {
    let server = StandIn::start(1);
    run_against(&url(&server), &Load { consumers: 0, ..load(300) }, true).expect("runs");
    // New records only.
    let again = run_against(&url(&server), &load(200), true).expect("runs");
    assert_eq!(count(&again, again.delivered_per_second), 200);
    assert_eq!(server.counts("test-topic"), [500]);
    let other = Load { partitions: 2, ..load(1) };
    let error = run_against(&url(&server), &other, true).expect_err("another number of partitions");
    assert!(format!("{error:#}").contains("has 1 partitions, not 2"), "{error:#}");
}

#[test]
fn an_error_of_the_server_ends_the_run_and_is_told() {
    for (code, text) in [
        (ErrorCode::NOT_LEADER_OR_FOLLOWER, "another server has become the partition's leader"),
        (ErrorCode::MESSAGE_TOO_LARGE, "produce to test-topic-0: the server answers MESSAGE_TOO_LARGE (10)"),
    ] {
        let server = StandIn::start(1);
        server.fails_after(1000, code);
        let error = run_against(&url(&server), &load(0), false).expect_err("refused");
        let error = format!("{error:#}");
        assert!(error.contains(text) && error.contains(code.name()), "{error}");
        assert_eq!(server.topics(), Vec::<String>::new(), "cleared away all the same");
    }
}

#[test]
fn a_login_is_tried_and_its_failure_told() {
    let server = StandIn::start(1);
    server.wants_password("secret");
    let at = format!("127.0.0.1:{}", server.port());
    run_against(&format!("kafka://user:secret@{at}"), &load(10), false).expect("logs in");
    let error = run_against(&format!("kafka://user:wrong@{at}"), &load(10), false).expect_err("wrong");
    let error = format!("{error:#}");
    assert!(error.contains("log in as user: the server answers SASL_AUTHENTICATION_FAILED"), "{error}");
    assert!(error.contains("wrong password") && !error.contains("user:wrong"), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let error = run_against("kafka://127.0.0.1:1", &load(1), false).expect_err("nobody listens on port 1");
    assert!(format!("{error:#}").contains("connect to 127.0.0.1:1"), "{error:#}");
}
