use std::time::Duration;

use super::stand_in::StandIn;
use super::*;
use crate::progress::Progress;
use crate::result::Measurement;
use crate::run::{Server, measure};

const NO_PROGRESS: bool = false;

fn run_against(server: &str, load: &Load, keep: bool) -> Result<Measurement<Load>> {
    let target = Target::parse(server).expect("a URL");
    let server = Server { target, pid: Some(std::process::id()) };
    let names = Names { prefix: "test".to_owned(), keep };
    measure::<Amqp>(&server, load, &names, &Progress::new(NO_PROGRESS))
}

fn load(messages: u64) -> Load {
    Load { messages, warmup: Duration::ZERO, duration: Duration::from_secs(60), ..Load::default() }
}

#[test]
fn every_message_arrives_is_confirmed_acked_and_timed() {
    let (server, port) = StandIn::start();
    let load = Load { confirm: 10, producers: 3, consumers: 2, queues: 5, ..load(1000) };
    let measured = run_against(&format!("amqp://127.0.0.1:{port}"), &load, false).expect("runs");
    let count = |per_second: f64| (per_second * measured.seconds).round() as u64;
    assert_eq!(count(measured.delivered_per_second), 1000);
    assert_eq!(count(measured.published_per_second), 1000);
    assert_eq!(count(measured.confirmed_per_second), 1000);
    assert_eq!((measured.missing, measured.refused, server.acked()), (0, 0, 1000));
    assert_eq!(measured.latency.map(|latency| latency.count), Some(1000));
    assert_eq!(measured.confirm_latency.map(|latency| latency.count), Some(1000));
    assert!(measured.server.expect("a pid was given").resident_bytes > 0);
    assert_eq!(server.names(), Vec::<String>::new(), "everything is cleared away");
    assert_eq!(server.heard("connection.close"), 3 + 2 + 2, "connections end in order");
}

#[test]
fn fan_out_counts_copies_and_large_bodies_span_frames() {
    let (server, port) = StandIn::start();
    let load = Load { fanout: true, queues: 4, consumers: 4, size: 20_000, ack_multiple: true, ..load(50) };
    let measured = run_against(&format!("amqp://127.0.0.1:{port}"), &load, false).expect("runs");
    assert_eq!((measured.delivered_per_second * measured.seconds).round() as u64, 200);
    assert_eq!(measured.missing, 0);
    assert!((1..=200).contains(&server.acked()));
}

#[test]
fn a_schedule_sets_the_rate_and_the_generator_tells_its_own_delay() {
    let (_, port) = StandIn::start();
    let duration = Duration::from_millis(500);
    let load =
        Load { rate: 2000, producers: 2, consumers: 1, duration, messages: 0, auto_ack: true, ..load(0) };
    let measured = run_against(&format!("amqp://127.0.0.1:{port}"), &load, false).expect("runs");
    // What is due in the measured half second is exactly 1000, however late it was sent.
    let latency = measured.latency.expect("messages arrived");
    assert!((990..=1010).contains(&latency.count), "{latency:?}");
    assert_eq!(measured.send_lag.map(|lag| lag.count), Some(latency.count));
    assert_eq!(measured.missing, 0);
}

#[test]
fn without_consumers_messages_stay_and_kept_names_too() {
    let (server, port) = StandIn::start();
    let load = Load { consumers: 0, ..load(300) };
    let measured = run_against(&format!("amqp://127.0.0.1:{port}"), &load, true).expect("runs");
    assert_eq!((measured.published_per_second * measured.seconds).round() as u64, 300);
    assert_eq!(measured.latency, None);
    assert_eq!((server.waiting(), server.names()), (300, vec!["test-0".to_owned()]));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let error = run_against("amqp://127.0.0.1:1/v", &load(1), false).expect_err("nobody listens on port 1");
    assert!(format!("{error:#}").contains("connect to 127.0.0.1:1 vhost v"), "{error:#}");
}
