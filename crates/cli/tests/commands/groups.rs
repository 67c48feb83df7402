//! Groups, transactions and messages.

use expect_test::expect;

use super::{Script, check, run};

const GROUP: &str = r#"{"vhost":"/","name":"g","kind":"classic","state":"stable","protocol_type":"consumer","protocol":"range",
    "members":1,"partitions":2,"lag":12,"lag_ms":61000,
    "member_detail":[{"id":"c-1","client_id":"shop","host":"10.0.0.1","assigned":[{"topic":"t","partitions":[0,1]}]}],
    "offsets":[{"topic":"t","partition":0,"committed":5,"next_offset":15,"lag":10,"stable_lag":8,"lag_ms":61000},
               {"topic":"t","partition":1,"committed":3,"next_offset":5,"lag":2,"stable_lag":2,"lag_ms":900}]}"#;

#[test]
fn groups() {
    let script = Script::new(&[
        (
            "GET /api/v1/groups?offset=0&limit=10000",
            200,
            r#"{"total":2,"items":[{"vhost":"/","name":"a","kind":"consumer","state":"empty"},
                {"vhost":"/","name":"g","kind":"classic","state":"stable","members":1,"partitions":2,"lag":12,"lag_ms":61000}]}"#,
        ),
        ("GET /api/v1/groups/%2F/g", 200, GROUP),
        ("DELETE /api/v1/groups/%2F/g", 200, "null"),
    ]);
    check(
        &script,
        "group ls",
        None,
        expect![[r#"
            VHOST  NAME  KIND      STATE   MEMBERS  PARTITIONS  LAG  BEHIND
            /      a     consumer  empty         0           0    0       0
            /      g     classic   stable        1           2   12   1m 1s
        "#]],
    );
    check(
        &script,
        "group lag",
        None,
        expect![[r#"
            VHOST  NAME  KIND      STATE   MEMBERS  PARTITIONS  LAG  BEHIND
            /      g     classic   stable        1           2   12   1m 1s
            /      a     consumer  empty         0           0    0       0
        "#]],
    );
    check(
        &script,
        "group lag g",
        None,
        expect![[r#"
            TOPIC  PARTITION  COMMITTED  NEXT  LAG  STABLE LAG  BEHIND
            t              0          5    15   10           8   1m 1s
            t              1          3     5    2           2   900ms
        "#]],
    );
    let described = run(&script, "group describe g", None);
    assert!(described.contains("\nc-1               shop    10.0.0.1  t:0,1\n"), "{described}");
    assert!(described.contains("protocol       range") && described.contains("COMMITTED"), "{described}");
    let json = run(&script, "group describe g -o json", None);
    assert!(json.contains(r#""stable_lag": 8"#), "{json}");
    check(
        &script,
        "group delete g --dry-run",
        None,
        expect![[r#"
            would delete group "g" with 2 committed offsets
        "#]],
    );
    check(
        &script,
        "group delete g --yes",
        None,
        expect![[r#"
            deleted group "g"
        "#]],
    );
}

#[test]
fn offsets_are_set_anew_after_the_plan_is_seen() {
    const PLAN: &str = r#"{"executed":false,"offsets":[{"topic":"t","partition":0,"before":5,"after":0},
        {"topic":"t","partition":1,"before":null,"after":0},{"topic":"t","partition":2,"before":7,"after":7}]}"#;
    let script = Script::new(&[
        ("POST /api/v1/groups/%2F/g/offsets", 200, PLAN),
        (
            "POST /api/v1/groups/%2F/busy/offsets",
            409,
            r#"{"code":1213,"what":"group \"busy\" has 2 members","why":"","fix":"stop them"}"#,
        ),
    ]);
    let plan = expect![[r#"
        TOPIC  PARTITION  BEFORE  AFTER
        t              0       5      0
        t              1       -      0
        t              2       7      7
        would set 2 offsets of group "g"
    "#]];
    check(&script, "group reset-offsets g --to-earliest --dry-run", None, plan);
    let said = run(&script, "group reset-offsets g --to-earliest", None);
    assert!(said.contains("exit 1: AnyMQ-1306"), "{said}");
    let said = run(&script, "group reset-offsets g --to-earliest", Some("n\n"));
    assert!(said.contains("About to set 2 offsets of group \"g\". Go on? [y/N]"), "{said}");
    let executed =
        |script: &Script| script.seen.lock().expect("notes").join("\n").contains(r#""execute":true"#);
    assert!(!executed(&script), "nothing is done without consent");
    let said = run(&script, "group reset-offsets g --to-earliest", Some("y\n"));
    assert!(said.ends_with("done: set 2 offsets of group \"g\"\n") && executed(&script), "{said}");
    script.seen.lock().expect("notes").clear();
    for place in [
        "--to-latest --topic t --topic u:0,3",
        "--to-offset 7",
        "--to-time 2026-11-22T10:30:00Z",
        "--back 2h",
        "--shift -5",
    ] {
        let said = run(&script, &format!("group reset-offsets g {place} --dry-run -o json"), None);
        assert!(said.starts_with("{\n  \"executed\": false"), "{place}: {said}");
    }
    let seen = script.seen.lock().expect("notes").join("\n");
    expect![[r#"
        POST /api/v1/groups/%2F/g/offsets {"to":"latest","of":[{"topic":"t","partitions":[]},{"topic":"u","partitions":[0,3]}],"execute":false}
        POST /api/v1/groups/%2F/g/offsets {"to":{"offset":7},"of":[],"execute":false}
        POST /api/v1/groups/%2F/g/offsets {"to":{"at":1795343400000},"of":[],"execute":false}
        POST /api/v1/groups/%2F/g/offsets {"to":{"back_ms":7200000},"of":[],"execute":false}
        POST /api/v1/groups/%2F/g/offsets {"to":{"shift":-5},"of":[],"execute":false}"#]]
    .assert_eq(&seen);
    let said = run(&script, "group reset-offsets busy --to-latest --yes", None);
    assert!(said.starts_with("exit 1: AnyMQ-1213"), "{said}");
    for wrong in ["--to-latest --topic t:x", "--back soon", "--to-time soon"] {
        let said = run(&script, &format!("group reset-offsets g {wrong}"), None);
        assert!(said.starts_with("exit 2: AnyMQ-1209"), "{wrong}: {said}");
    }
    for wrong in ["", " --to-latest --to-earliest"] {
        let line = format!("anymq group reset-offsets g{wrong}");
        assert!(
            <super::Line as clap::Parser>::try_parse_from(line.split(' ')).is_err(),
            "one place: {wrong}"
        );
    }
}

#[test]
fn transactions() {
    const LIST: &str = r#"{"total":2,"items":[{"id":"tx","vhost":"shop","state":"ongoing","producer":4,"epoch":1,"open_ms":3600000,
        "started_at":1,"timeout_ms":60000,"partitions":[{"topic":"t","number":0,"first_offset":9}],"groups":["g"]},
        {"id":"tx-idle","state":"empty","producer":5}]}"#;
    let script = Script::new(&[
        ("GET /api/v1/transactions?offset=0&limit=10000", 200, LIST),
        ("GET /api/v1/transactions?name=tx&offset=0&limit=10000", 200, LIST),
        ("GET /api/v1/transactions?name=tx-idle&offset=0&limit=10000", 200, LIST),
        ("POST /api/v1/transactions/shop/tx/abort", 200, "null"),
    ]);
    check(
        &script,
        "txn ls",
        None,
        expect![[r#"
            ID       VHOST  STATE    PRODUCER  EPOCH  OPEN  PARTITIONS  GROUPS
            tx       shop   ongoing         4      1    1h           1  g
            tx-idle         empty           5      0                 0
        "#]],
    );
    let open = run(&script, "txn ls --open", None);
    assert!(open.contains("ongoing") && !open.contains("tx-idle"), "{open}");
    let described = run(&script, "txn describe tx", None);
    assert!(described.contains("FIRST OFFSET") && described.contains("timeout_ms  60000"), "{described}");
    check(
        &script,
        "txn abort tx --dry-run",
        None,
        expect![[r#"
            would abort the transaction of "tx", open for 1h in 1 partition, and fence its producer
        "#]],
    );
    check(
        &script,
        "txn abort tx --yes",
        None,
        expect![[r#"
            aborted the transaction of "tx"
        "#]],
    );
    let said = run(&script, "txn abort tx-idle --yes", None);
    assert!(said.starts_with("exit 1: AnyMQ-1214"), "{said}");
}

#[test]
fn tail_shows_the_last_messages_or_all_from_a_place_on() {
    const ALL: &str = r#"{"next":"0:3","left":0,"items":[
        {"partition":0,"offset":0,"published_at":0,"key":{"text":"k"},"body":{"text":"one\u001b[2J"},"bytes":7},
        {"partition":0,"offset":1,"published_at":1500,"exchange":"x","body":{"base64":"/wA="},"bytes":2,"headers":{"h":1}},
        {"partition":1,"offset":0,"published_at":1000,"body":{"text":"thr"},"bytes":5}]}"#;
    let script = Script::new(&[
        ("GET /api/v1/messages/%2F/t?from=-2&count=500&body_max=4096", 200, ALL),
        ("GET /api/v1/messages/%2F/t?from=earliest&count=500&body_max=4096", 200, ALL),
        ("GET /api/v1/messages/%2F/t?partition=1&from=%401795343400000&count=500&body_max=1048576", 200, ALL),
        ("GET /api/v1/messages/shop/t?from=~900000&count=4&body_max=4096", 200, ALL),
        (
            "GET /api/v1/messages/shop/t?from=0%3A3&count=1&wait_ms=8000&body_max=4096",
            200,
            r#"{"next":"0:4","items":[{"offset":3,"body":{"text":"four"},"bytes":4}]}"#,
        ),
    ]);
    check(
        &script,
        "tail t -n 2",
        None,
        expect![[r#"
            1970-01-01T00:00:01.000Z 1:0 thr … (5 bytes)
            1970-01-01T00:00:01.500Z 0:1 exchange=x base64:/wA=
        "#]],
    );
    check(
        &script,
        "tail t --from earliest --headers",
        None,
        expect![[r#"
            1970-01-01T00:00:00.000Z 0:0 key=k one\u{1b}[2J
            1970-01-01T00:00:01.500Z 0:1 exchange=x h=1 base64:/wA=
            1970-01-01T00:00:01.000Z 1:0 thr … (5 bytes)
        "#]],
    );
    let json = run(&script, "tail t --partition 1 --from 2026-11-22T10:30 --json", None);
    let lines: Vec<serde_json::Value> =
        json.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[1]["body"]["base64"]), (3, &"/wA=".into()), "{json}");
    let followed = run(&script, "tail t --vhost shop --from 15m -n 4 -f", None);
    assert!(followed.ends_with("0:3 four\n") && followed.lines().count() == 4, "{followed}");
    for wrong in ["--from soon", "-n 10001"] {
        let said = run(&script, &format!("tail t {wrong}"), None);
        assert!(said.starts_with("exit 2: AnyMQ-1209"), "{wrong}: {said}");
    }
}
