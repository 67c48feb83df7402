use super::*;

/// A stand-in for the broker: the same arguments and ready file, no protocol.
fn stand_in() -> Options {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/stand-in.sh");
    Options::default().binary(script).start_limit(Duration::from_secs(10))
}

fn starts(server: &Server) -> usize {
    fs::read_to_string(server.data_dir().join("starts")).expect("the stand-in writes it").lines().count()
}

#[test]
fn a_server_starts_is_killed_and_comes_back_on_its_data_and_ports() {
    let mut server = stand_in().env("EXTRA", "here").start().expect("starts");
    let ports =
        |server: &Server| [server.amqp(), server.admin(), server.kafka()].map(|address| address.port());
    assert_eq!(ports(&server), [40001, 40002, 40003]);
    assert!(server.is_running());
    assert!(server.log().contains("listening here"));

    let first = server.pid();
    server.kill().expect("killed");
    assert!(!server.is_running());
    server.start_again().expect("starts again");
    assert_ne!(server.pid(), first);
    assert_eq!(ports(&server), [40001, 40002, 40003]);
    assert_eq!(starts(&server), 2);
}

#[test]
fn stopping_waits_for_the_graceful_end() {
    let mut server = stand_in().start().expect("starts");
    let status = server.stop(Duration::from_secs(10)).expect("ends");
    assert_eq!(status.code(), Some(0));
    assert_eq!(server.stop(Duration::from_secs(10)).expect("has ended").code(), Some(0));
}

#[test]
fn a_server_that_ends_early_gives_its_log() {
    match stand_in().env("BROKEN", "1").start() {
        Err(Error::Ended { status, log }) => {
            assert_eq!(status.code(), Some(3));
            assert!(log.contains("cannot open the journal"), "{log}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_is_never_ready_is_killed_at_the_deadline() {
    let started = stand_in().env("SILENT", "1").start_limit(Duration::from_millis(200)).start();
    assert!(matches!(started, Err(Error::Deadline { .. })), "{started:?}");
}

#[test]
fn a_data_directory_of_ones_own_outlives_the_server() {
    let data = TempDir::new().expect("scratch");
    drop(stand_in().data_dir(data.path()).start().expect("starts"));
    assert!(data.path().join("starts").is_file());
}
