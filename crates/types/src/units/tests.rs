use proptest::prelude::*;

use super::*;

#[test]
fn sizes_are_read_and_written() {
    let cases = [
        ("64MiB", 64 << 20, "64MiB"),
        ("64 mib", 64 << 20, "64MiB"),
        ("1kB", 1000, "1000B"),
        ("2TB", 2_000_000_000_000, "1953125000KiB"),
        ("1_024", 1024, "1KiB"),
        ("0", 0, "0B"),
        ("7B", 7, "7B"),
        ("3GiB", 3 << 30, "3GiB"),
    ];
    for (text, bytes, written) in cases {
        let size: ByteSize = text.parse().unwrap();
        assert_eq!((size, size.to_string().as_str()), (ByteSize(bytes), written));
    }
    for bad in ["", "MiB", "1XiB", "-1B", "1.5MiB", "99999999999999999999", "99999999999TiB"] {
        assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
    }
}

#[test]
fn durations_are_read_and_written() {
    let cases = [
        ("30s", Duration::from_secs(30), "30s"),
        ("500ms", Duration::from_millis(500), "500ms"),
        ("1h", Duration::from_secs(3600), "1h"),
        ("90m", Duration::from_secs(5400), "90m"),
        ("48h", Duration::from_secs(172_800), "2d"),
        ("0", Duration::ZERO, "0s"),
        ("1 us", Duration::from_micros(1), "1us"),
    ];
    for (text, duration, written) in cases {
        assert_eq!(parse_duration(text), Ok(duration));
        assert_eq!(format_duration(duration), written);
    }
    assert_eq!(
        parse_duration("5"),
        Err(UnitError::NoUnit { text: "5".into(), units: "ns, us, ms, s, m, h, d" })
    );
    assert_eq!(parse_duration("s"), Err(UnitError::NoNumber("s".into())));
    assert_eq!(parse_duration("9999999999d"), Err(UnitError::TooLarge("9999999999d".into())));
}

#[test]
fn both_sit_in_a_config() {
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Config {
        size: ByteSize,
        #[serde(with = "duration")]
        wait: Duration,
        #[serde(with = "duration_opt", default)]
        patience: Option<Duration>,
    }
    let config: Config = serde_json::from_str(r#"{"size": "4KiB", "wait": "30s"}"#).unwrap();
    let expected = Config { size: ByteSize::kib(4), wait: Duration::from_secs(30), patience: None };
    assert_eq!(config, expected);
    let text = r#"{"size":"4KiB","wait":"30s","patience":"2h"}"#;
    let with_patience = Config { patience: Some(Duration::from_secs(7200)), ..expected };
    assert_eq!(serde_json::to_string(&with_patience).unwrap(), text);
    assert_eq!(serde_json::from_str::<Config>(text).unwrap(), with_patience);
    assert_eq!(serde_json::from_str::<ByteSize>("17").unwrap(), ByteSize(17));
    assert!(serde_json::from_str::<ByteSize>("-1").is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read(n in any::<u64>()) {
        prop_assert_eq!(ByteSize(n).to_string().parse(), Ok(ByteSize(n)));
        let duration = Duration::from_nanos(n);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }
}
