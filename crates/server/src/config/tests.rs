use std::collections::BTreeMap;

use super::*;

type Variables = &'static [(&'static str, &'static str)];

fn load_with(
    file: Option<&str>,
    environment: &[(&str, &str)],
    args: &ConfigArgs,
) -> Result<(Settings, Layers), Problem> {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("anymq.toml");
    if let Some(text) = file {
        std::fs::write(&path, text).expect("file");
    }
    let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    load_from(args, &Settings::default(), file.map(|_| path.as_path()), environment)
}

fn none() -> ConfigArgs {
    ConfigArgs::default()
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let file = Some("[amqp]\nport = 1\nbacklog = 7\n[server]\nworkers = 3\n");
    let flags = ConfigArgs { set: vec!["amqp.port=3".into()], data_dir: Some("/flag".into()), ..none() };
    let steps: [(Option<&str>, Variables, ConfigArgs, u16, &str); 4] = [
        (None, &[], none(), 5672, "default"),
        (file, &[], none(), 1, "anymq.toml"),
        (file, &[("ANYMQ_AMQP__PORT", "2")], none(), 2, "$ANYMQ_AMQP__PORT"),
        (file, &[("ANYMQ_AMQP__PORT", "2"), ("ANYMQ_SERVER__DATA_DIR", "/env")], flags, 3, "--set"),
    ];
    for (file, environment, args, port, origin) in steps {
        let (settings, layers) = load_with(file, environment, &args).expect("settings");
        assert_eq!(settings.amqp.listen.port, port);
        assert!(layers.origin("amqp.port").to_string().ends_with(origin), "{}", layers.origin("amqp.port"));
        if file.is_some() {
            assert_eq!((settings.amqp.listen.backlog, settings.server.workers), (7, 3));
        }
        if port == 3 {
            assert_eq!(settings.server.data_dir, Path::new("/flag"));
        }
    }
}

#[test]
fn environment_variables_take_the_kind_of_their_key() {
    let environment = [
        ("ANYMQ_AMQP__ADDRESSES", "127.0.0.1, ::1"),
        ("ANYMQ_AMQP__NODELAY", "false"),
        ("ANYMQ_AMQP__TLS__CERT", "/c.pem"),
        ("ANYMQ_AMQP__TLS__KEY", "/k.pem"),
        ("ANYMQ_ADMIN__BODY_MAX", "2MiB"),
        ("ANYMQ_SERVER__DRAIN_DEADLINE", "1m"),
        ("ANYMQ_URL", "not a setting: one underscore"),
        ("PATH", "/bin"),
    ];
    let (settings, _) = load_with(None, &environment, &none()).expect("settings");
    assert_eq!(settings.amqp.listen.addresses.len(), 2);
    assert!(!settings.amqp.listen.nodelay);
    assert_eq!(settings.amqp.listen.tls.expect("tls").key, Path::new("/k.pem"));
    assert_eq!(settings.admin.door.body_max.0, 2 << 20);
    assert_eq!(settings.server.drain_deadline.as_secs(), 60);
}

#[test]
fn secrets_come_from_files_and_rabbitmq_variables_count() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("secret");
    std::fs::write(&path, "s3cret\nsecond line\n").expect("file");
    let path = path.to_str().expect("path");
    let cases = [
        (vec![("RABBITMQ_DEFAULT_USER", "ann"), ("RABBITMQ_DEFAULT_PASS", "pw")], "ann", "pw"),
        (vec![("RABBITMQ_DEFAULT_PASS_FILE", path)], "guest", "s3cret"),
        (vec![("ANYMQ_BOOTSTRAP__PASSWORD_FILE", path)], "guest", "s3cret"),
        (vec![("RABBITMQ_DEFAULT_PASS", "pw"), ("ANYMQ_BOOTSTRAP__PASSWORD", "own")], "guest", "own"),
    ];
    for (environment, user, password) in cases {
        let (settings, layers) = load_with(None, &environment, &none()).expect("settings");
        assert_eq!(
            (settings.bootstrap.user.as_str(), settings.bootstrap.password.0.as_str()),
            (user, password)
        );
        for text in [show(&layers, true), format!("{settings:?}")] {
            assert!(!text.contains(&format!("{password}\"")), "a secret is shown: {text}");
        }
    }
}

/// The mistakes people make most, and the exact words they get.
#[test]
fn mistakes_are_named_with_a_hint() {
    let cases: [(&str, &str); 12] = [
        (
            "[amqp]\nprot = 1",
            "AnyMQ-1003 unknown key amqp.prot (F). A key that nobody reads would be a setting that silently has no effect. Fix: did you mean amqp.port? anymq config reference lists every key",
        ),
        (
            "[ampq]\nport = 1",
            "AnyMQ-1003 unknown key ampq (F). A key that nobody reads would be a setting that silently has no effect. Fix: did you mean amqp? anymq config reference lists every key",
        ),
        (
            "port = 1",
            "AnyMQ-1003 unknown key port (F). A key that nobody reads would be a setting that silently has no effect. Fix: did you mean admin.port? anymq config reference lists every key",
        ),
        (
            "[amqp.tls]\ncertificate = 'x'",
            "AnyMQ-1003 unknown key amqp.tls.certificate (F). A key that nobody reads would be a setting that silently has no effect. Fix: correct or remove it; anymq config reference lists every key",
        ),
        (
            "[amqp]\nport = 'x'",
            "AnyMQ-1004 amqp.port (F) is not acceptable: invalid type: string \"x\", expected u16. The value has the wrong type or is out of range. Fix: correct the value; anymq config reference tells what each key takes",
        ),
        (
            "[amqp]\nport = 70000",
            "AnyMQ-1004 amqp.port (F) is not acceptable: invalid value: integer `70000`, expected u16. The value has the wrong type or is out of range. Fix: correct the value; anymq config reference tells what each key takes",
        ),
        (
            "amqp = 5672",
            "AnyMQ-1004 amqp (F) it is a table, write it as [amqp]. The value has the wrong type or is out of range. Fix: correct the value; anymq config reference tells what each key takes",
        ),
        (
            "[amqp]\naddresses = []",
            "AnyMQ-1004 amqp.addresses (F) needs at least one address to listen on. The value has the wrong type or is out of range. Fix: correct the value; anymq config reference tells what each key takes",
        ),
        ("[server]\ndrain_deadline = 30", "AnyMQ-1004 server.drain_deadline (F) is not acceptable: "),
        ("[admin]\nbody_max = '5 apples'", "AnyMQ-1004 admin.body_max (F) is not acceptable: "),
        (
            "[logging]\nformat = 'xml'",
            "AnyMQ-1004 logging.format (F) is not acceptable: unknown variant `xml`, expected one of `auto`, `pretty`, `json`",
        ),
        ("[amqp\n", "AnyMQ-1002 F line 1: "),
    ];
    for (file, expected) in cases {
        let problem = load_with(Some(file), &[], &none()).map(|_| ()).expect_err(file).to_string();
        let path =
            problem.split(['(', ' ', ')']).find(|word| word.ends_with("anymq.toml")).expect("names the file");
        let problem = problem.replace(path, "F");
        assert!(problem.starts_with(expected), "\n{file}\n{problem}\n{expected}");
    }
    let environment: [(&[(&str, &str)], u16); 5] = [
        (&[("ANYMQ_AMQP__PRT", "1")], 1003),
        (&[("ANYMQ_AMQP__PORT", "high")], 1004),
        (&[("ANYMQ_AMQP__NODELAY", "maybe")], 1004),
        (&[("ANYMQ_BOOTSTRAP__PASSWORD_FILE", "/nowhere/secret")], 1005),
        (&[("RABBITMQ_DEFAULT_PASS", "a"), ("RABBITMQ_DEFAULT_PASS_FILE", "/b")], 1006),
    ];
    for (variables, code) in environment {
        let problem = load_with(None, variables, &none()).map(|_| ()).expect_err(variables[0].0);
        assert_eq!(problem.code, code, "{problem}");
        assert!(problem.what.contains(variables[0].0), "{problem}");
    }
}

#[test]
fn defaults_are_valid_and_survive_the_round_trip() {
    for base in [Settings::default(), Settings::dev()] {
        base.validate().expect("defaults are valid");
        let (settings, layers) = load_from(&none(), &base, None, std::iter::empty()).expect("settings");
        assert_eq!(settings.to_table(), base.to_table());
        assert_eq!(layers.origins, BTreeMap::new());
    }
    let schema = Settings::schema();
    for key in
        ["amqp.port", "amqp.tls.client_ca", "admin.body_max", "bootstrap.password", "storage.segment_size"]
    {
        assert!(schema.contains_key(key), "{key}");
    }
}
