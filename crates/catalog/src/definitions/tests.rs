use anymq_auth::SALT_BYTES;
use anymq_types::VhostId;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::catalog::Catalog;
use crate::change::Change;
use crate::model::{Destination, QueueKind};

fn catalog() -> Catalog {
    let mut catalog = Catalog::new();
    Catalog::initial_changes().into_iter().for_each(|change| drop(catalog.apply(change).unwrap()));
    catalog
}

fn read(catalog: &Catalog, vhost: Option<&str>, text: &str) -> Result<Imported, DefinitionsError> {
    import(
        text,
        Import { catalog, vhost, default_queue_type: QueueKind::Classic, salt: &mut || [1; SALT_BYTES] },
    )
}

/// A queue that says nothing of its type, in a vhost that does not either.
#[test]
fn the_default_type_of_the_node_counts_where_a_vhost_has_none() {
    let queues = ["a", "b", "c"].map(|vhost| json!({"name": "q", "vhost": vhost, "durable": true}));
    let file = json!({
        "vhosts": [{"name": "a"}, {"name": "b", "default_queue_type": "classic"}, {"name": "c", "default_queue_type": "undefined"}],
        "queues": queues
    });
    let catalog = catalog();
    for default_queue_type in [QueueKind::Classic, QueueKind::Quorum, QueueKind::Stream] {
        let taken =
            Import { catalog: &catalog, vhost: None, default_queue_type, salt: &mut || [1; SALT_BYTES] };
        let kinds: Vec<_> = import(&file.to_string(), taken)
            .unwrap()
            .changes
            .into_iter()
            .filter_map(|change| match change {
                Change::QueuePut(queue) => Some(queue.kind),
                _ => None,
            })
            .collect();
        assert_eq!(kinds, [default_queue_type, QueueKind::Classic, default_queue_type]);
    }
}

fn load(catalog: &mut Catalog, vhost: Option<&str>, file: &Json) -> Vec<String> {
    let imported = read(catalog, vhost, &file.to_string()).unwrap();
    for change in imported.changes {
        catalog.commit(change).unwrap();
    }
    imported.skipped
}

/// As RabbitMQ 4.0 exports it, shortened.
fn sample() -> Json {
    json!({
        "rabbit_version": "4.0.5",
        "rabbitmq_version": "4.0.5",
        "product_name": "RabbitMQ",
        "explanation": "not a section",
        "users": [
            {
                "name": "guest",
                "password_hash": "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ["administrator"],
                "limits": {"max-connections": 10}
            },
            {"name": "old", "password_hash": "", "tags": "monitoring,management"}
        ],
        "vhosts": [
            {"name": "/", "metadata": {"description": "Default", "tags": []}, "limits": []},
            {
                "name": "prod", "description": "Production", "tags": ["a"], "default_queue_type": "quorum",
                "metadata": {"default_queue_type": "quorum"}
            }
        ],
        "permissions": [
            {"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"},
            {"user": "guest", "vhost": "prod", "configure": "", "write": "^a", "read": ".*"}
        ],
        "topic_permissions": [
            {"user": "guest", "vhost": "/", "exchange": "amq.topic", "write": "^{username}", "read": ".*"}
        ],
        "parameters": [
            {"vhost": "prod", "component": "vhost-limits", "name": "limits",
             "value": {"max-connections": 5, "max-queues": -1}},
            {"vhost": "/", "component": "operator_policy", "name": "op",
             "value": {"pattern": ".*", "apply-to": "queues", "priority": 2, "definition": {"max-length": 1000}}},
            {"vhost": "/", "component": "shovel", "name": "s", "value": {"src-uri": "amqp://"}}
        ],
        "global_parameters": [{"name": "cluster_name", "value": "rabbit@here"}],
        "policies": [
            {"vhost": "/", "name": "ttl", "pattern": "^t", "apply-to": "queues", "priority": 1,
             "definition": {"message-ttl": 60000}}
        ],
        "exchanges": [
            {"vhost": "/", "name": "orders", "type": "topic", "durable": true, "auto_delete": false,
             "internal": false, "arguments": {"alternate-exchange": "unrouted"}},
            {"vhost": "/", "name": "amq.topic", "type": "topic", "durable": true, "auto_delete": false,
             "internal": false, "arguments": {}}
        ],
        "queues": [
            {"vhost": "/", "name": "t1", "durable": true, "auto_delete": false,
             "arguments": {"x-queue-type": "classic", "x-max-priority": 5}},
            {"vhost": "prod", "name": "q2", "durable": true, "auto_delete": false, "arguments": {}},
            {"vhost": "prod", "name": "s3", "durable": true, "auto_delete": false, "type": "stream",
             "arguments": {"x-max-age": "7D"}}
        ],
        "bindings": [
            {"source": "orders", "vhost": "/", "destination": "t1", "destination_type": "queue",
             "routing_key": "order.#", "arguments": {}},
            {"source": "amq.headers", "vhost": "prod", "destination": "q2", "destination_type": "queue",
             "routing_key": "", "arguments": {"x-match": "any", "n": 5}},
            {"source": "amq.fanout", "vhost": "prod", "destination": "amq.topic", "destination_type": "exchange",
             "routing_key": "", "arguments": {}}
        ]
    })
}

#[test]
fn imports_a_whole_broker() {
    let mut catalog = catalog();
    let skipped = load(&mut catalog, None, &sample());
    assert_eq!(skipped, ["exchanges[1]: 'amq.topic' is predeclared"]);
    let prod = catalog.vhost("prod").unwrap().clone();
    assert_eq!((prod.id, &*prod.description), (VhostId(2), "Production"));
    assert_eq!(prod.default_queue_type, Some(QueueKind::Quorum));
    assert_eq!((prod.limits.max_connections, prod.limits.max_queues), (Some(5), None));
    assert_eq!(catalog.vhost("/").unwrap().description, "Default");
    let guest = catalog.user("guest").unwrap();
    assert!(guest.tags.is_administrator() && guest.password.is_set());
    assert_eq!(guest.limits.max_connections, Some(10));
    assert!(
        catalog.user("old").unwrap().tags.may_monitor() && !catalog.user("old").unwrap().password.is_set()
    );
    assert!(catalog.access("guest", prod.id, None).unwrap().is_some());
    let kind = |vhost, name| catalog.queue(vhost, name).map(|queue| queue.kind);
    assert_eq!(kind(VhostId(1), "t1"), Some(QueueKind::Classic));
    assert_eq!(kind(prod.id, "q2"), Some(QueueKind::Quorum), "the vhost's default");
    assert_eq!(kind(prod.id, "s3"), Some(QueueKind::Stream), "the field `type`");
    let t1 = catalog.queue(VhostId(1), "t1").unwrap();
    let settings = catalog.settings(t1);
    assert_eq!(
        (settings.message_ttl_ms, settings.max_length, settings.max_priority),
        (Some(60_000), Some(1000), Some(5))
    );
    assert_eq!(catalog.bindings_to(VhostId(1), &Destination::Queue("t1".into())).count(), 1);
    assert_eq!(catalog.bindings(prod.id).count(), 2);
    assert!(catalog.parameter(VhostId(1), "shovel", "s").is_some());
}

#[test]
fn what_is_exported_imports_to_the_same() {
    let mut first = catalog();
    load(&mut first, None, &sample());
    let exported = export(&first);
    let mut second = catalog();
    assert_eq!(load(&mut second, None, &exported), [""; 0]);
    assert_eq!(export(&second), exported);
    assert_eq!(second.snapshot().collect::<Vec<_>>(), first.snapshot().collect::<Vec<_>>());
    // Once more into the same broker: queues and exchanges are there, nothing changes.
    let before: Vec<Change> = second.snapshot().collect();
    assert_eq!(load(&mut second, None, &exported).len(), 4);
    assert_eq!(second.snapshot().collect::<Vec<_>>(), before);
}

#[test]
fn one_vhost_moves_into_another() {
    let mut source = catalog();
    load(&mut source, None, &sample());
    let exported = export_vhost(&source, source.vhost("prod").unwrap().id);
    assert!(exported.get("users").is_none() && exported["queues"][0].get("vhost").is_none());
    let mut target = catalog();
    load(&mut target, Some("/"), &exported);
    assert_eq!(target.queues(VhostId(1)).map(|q| q.name.to_string()).collect::<Vec<_>>(), ["q2", "s3"]);
    assert_eq!(target.bindings(VhostId(1)).count(), 2);
    // Items that name a vhost are imported into the one asked for; users and vhosts are left out.
    let mut target = catalog();
    load(
        &mut target,
        Some("/"),
        &json!({"users": [{"name": "x"}], "queues": [{"vhost": "gone", "name": "q"}]}),
    );
    assert!(target.queue(VhostId(1), "q").is_some() && target.user("x").is_none());
    assert!(read(&target, Some("gone"), "{}").is_err());
}

#[test]
fn a_password_in_the_clear_is_hashed() {
    let mut catalog = catalog();
    load(&mut catalog, None, &json!({"users": [{"name": "u", "password": "pw", "tags": []}]}));
    let (text, _) = catalog.user("u").unwrap().password.export();
    assert!(text.starts_with("$argon2id$"));
}

#[test]
fn scram_credentials_move_along_and_end_with_their_password() {
    let mut first = catalog();
    load(&mut first, None, &json!({"users": [{"name": "u", "password": "secret", "tags": ""}]}));
    let scram = |catalog: &Catalog| catalog.user("u").unwrap().scram.clone();
    assert_eq!(scram(&first).iter().count(), 2);
    let mut file = export(&first);
    let mut second = catalog();
    load(&mut second, None, &file);
    assert_eq!(scram(&second), scram(&first));
    // A file of RabbitMQ's says nothing of them: they stay as long as the password does.
    file["users"][0].as_object_mut().unwrap().remove("scram_credentials");
    load(&mut second, None, &file);
    assert_eq!(scram(&second), scram(&first));
    file["users"][0]["password_hash"] = "".into();
    load(&mut second, None, &file);
    assert!(scram(&second).is_empty());
    file["users"][0]["scram_credentials"] = json!({"SCRAM-SHA-256": {"salt": "", "iterations": 1}});
    assert!(read(&second, None, &file.to_string()).unwrap_err().to_string().contains("users[0]"));
}

#[test]
fn access_rules_move_along() {
    let rule = json!({
        "vhost": "/", "kind": "transactional_id", "name": "tx-", "pattern": "prefixed", "principal": "User:u",
        "host": "*", "operation": "two_phase_commit", "allow": false
    });
    let mut first = catalog();
    load(&mut first, None, &json!({"acls": [rule]}));
    assert_eq!(first.acls(VhostId(1)).len(), 1);
    let mut second = catalog();
    load(&mut second, None, &export(&first));
    assert_eq!(second.acls(VhostId(1)), first.acls(VhostId(1)));
    for (field, value) in
        [("vhost", "gone"), ("kind", "queue"), ("principal", "u"), ("name", ""), ("operation", "x")]
    {
        let mut bad = rule.clone();
        bad[field] = value.into();
        let error = read(&first, None, &json!({"acls": [bad]}).to_string()).unwrap_err().to_string();
        assert!(error.contains("acls[0]"), "{error}");
    }
}

#[test]
fn quotas_move_along_and_are_kept() {
    let quotas = json!([
        {"user": {"name": "u"}, "client_id": "default", "limits": {"producer_byte_rate": 1000.0, "request_percentage": 12.5}},
        {"client_id": {"name": "c"}, "limits": {"controller_mutation_rate": 0.5}},
    ]);
    let mut first = catalog();
    load(&mut first, None, &json!({"client_quotas": quotas}));
    assert_eq!(first.quotas().len(), 2);
    let mut second = catalog();
    load(&mut second, None, &export(&first));
    assert_eq!(second.quotas(), first.quotas());
    let mut third = Catalog::new();
    for change in first.snapshot() {
        // As the journal has it.
        let json = serde_json::to_vec(&change).unwrap();
        third.apply(serde_json::from_slice(&json).unwrap()).unwrap();
    }
    assert_eq!(third.quotas(), first.quotas());
    for (bad, at) in [
        (json!({"limits": {}}), "client_quotas[0]"),
        (json!({"user": {"name": ""}, "limits": {}}), "client_quotas[0]"),
        (json!({"user": {"name": "u".repeat(256)}, "limits": {}}), "client_quotas[0]"),
        (json!({"user": "default", "limits": {"x": 1.0}}), "client_quotas[0].limits.x"),
        (
            json!({"user": "default", "limits": {"producer_byte_rate": 0.0}}),
            "client_quotas[0].limits.producer",
        ),
    ] {
        let error = read(&first, None, &json!({"client_quotas": [bad]}).to_string()).unwrap_err().to_string();
        assert!(error.contains(at), "{error}");
    }
}

#[test]
fn errors_name_the_item() {
    let catalog = catalog();
    let error = |file: Json| read(&catalog, None, &file.to_string()).unwrap_err().to_string();
    let queue = |args: Json| json!({"queues": [{"vhost": "/", "name": "ok"}, {"vhost": "/", "name": "q", "arguments": args}]});
    let binding = |edit: Json| {
        let mut binding =
            json!({"vhost": "/", "source": "amq.topic", "destination": "q", "destination_type": "queue"});
        for (key, value) in edit.as_object().unwrap() {
            binding[key] = value.clone();
        }
        json!({"queues": [{"vhost": "/", "name": "q"}], "bindings": [binding]})
    };
    for (file, expected) in [
        (
            json!([]),
            "definitions cannot be read: invalid type: sequence, expected an object with the sections",
        ),
        (json!({"queues": {}}), "definitions cannot be read: invalid type: map, expected a list of queues"),
        (json!({"queues": [{"vhost": "/"}]}), "definitions cannot be read: queues[0]: missing field `name`"),
        (json!({"queues": [{"name": "q"}]}), "queues[0]: missing field `vhost`"),
        (json!({"queues": [{"name": "q", "vhost": "nope"}]}), "queues[0]: no vhost 'nope'"),
        (
            json!({"queues": [{"vhost": "/", "name": "n".repeat(256)}]}),
            "queues[0]: name longer than 255 bytes",
        ),
        (
            queue(json!({"x-message-ttl": -1})),
            "queues[1]: invalid arg 'x-message-ttl' for queue 'q' in vhost '/': {value_negative,-1}",
        ),
        (queue(json!([1])), "queues[1].arguments: not an object"),
        (
            json!({"exchanges": [{"vhost": "/", "name": "x", "type": "bogus"}]}),
            "exchanges[0].type: unknown exchange type 'bogus'",
        ),
        (binding(json!({"source": "nope"})), "bindings[0]: no exchange 'nope' in vhost '/'"),
        (binding(json!({"destination": "nope"})), "bindings[0]: no queue 'nope' in vhost '/'"),
        (
            binding(json!({"destination_type": "topic"})),
            "bindings[0].destination_type: 'topic' is neither 'queue' nor 'exchange'",
        ),
        (
            binding(json!({"source": "amq.headers", "arguments": {"x-match": "some"}})),
            "bindings[0]: Invalid x-match field value <<\"some\">>",
        ),
        (
            json!({"users": [{"name": "u", "password_hash": "x", "hashing_algorithm": "rabbit_password_hashing_md5"}]}),
            "users[0].hashing_algorithm: password hashing algorithm 'rabbit_password_hashing_md5' is not supported",
        ),
        (
            json!({"users": [{"name": "u", "password_hash": "!!!"}]}),
            "users[0].password_hash: password hash is malformed",
        ),
        (
            json!({"permissions": [{"user": "nobody", "vhost": "/", "configure": "", "write": "", "read": ""}]}),
            "permissions[0]: no user 'nobody'",
        ),
        (
            json!({"users": [{"name": "u"}],
                   "permissions": [{"user": "u", "vhost": "/", "configure": "(", "write": "", "read": ""}]}),
            "permissions[0].configure: invalid pattern '('",
        ),
        (
            json!({"policies": [{"vhost": "/", "name": "p", "pattern": "", "definition": {"bogus": 1}}]}),
            "policies[0]: [{<<\"bogus\">>,1}] are not recognised policy settings",
        ),
        (
            json!({"policies": [{"vhost": "/", "name": "p", "pattern": "", "apply-to": "cats", "definition": {}}]}),
            "policies[0].apply-to: apply-to 'cats' unrecognised",
        ),
    ] {
        let got = error(file);
        assert!(got.starts_with(expected), "{got}\nexpected {expected}");
    }
}

#[test]
fn depth_and_number_of_values_are_bounded() {
    let catalog = catalog();
    let queue =
        |value: &str| format!(r#"{{"queues":[{{"vhost":"/","name":"q","arguments":{{"x-a":{value}}}}}]}}"#);
    let error = |value: &str| read(&catalog, None, &queue(value)).unwrap_err().to_string();
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(read(&catalog, None, &queue(&nested(60))).is_ok());
    assert!(error(&nested(70)).contains("nested deeper than 64 levels"), "{}", error(&nested(70)));
    assert!(error(&nested(100_000)).contains("queues[0]"));
    let many = format!("[{}1]", "1,".repeat(20_000));
    assert!(error(&many).contains("more than 10000 values"));
    let unknown = format!(r#"{{"whatever":{}}}"#, nested(100_000));
    assert!(read(&catalog, None, &unknown).is_ok(), "what nobody reads is skipped, at any depth");
}

#[test]
fn exclusive_queues_and_their_bindings_stay_here() {
    let mut catalog = catalog();
    load(&mut catalog, None, &json!({"queues": [{"vhost": "/", "name": "ours"}]}));
    let mut mine = (**catalog.queue(VhostId(1), "ours").unwrap()).clone();
    (mine.id, mine.name) = (catalog.next_ids().queue, "mine".into());
    mine.exclusive_owner = Some(anymq_types::ConnectionId(1));
    catalog.apply(Change::QueuePut(mine)).unwrap();
    let bind = |name: &str| json!({"vhost": "/", "source": "amq.topic", "destination": name, "destination_type": "queue"});
    load(&mut catalog, None, &json!({"bindings": [bind("mine"), bind("ours")]}));
    let exported = export(&catalog);
    assert_eq!(exported["queues"].as_array().unwrap().len(), 1);
    assert_eq!(exported["bindings"].as_array().unwrap().len(), 1);
    // Files of a RabbitMQ hold bindings of server-named queues that they do not hold.
    let skipped = load(&mut catalog, None, &json!({"bindings": [bind("amq.gen-x")]}));
    assert_eq!(skipped, ["bindings[0]: no queue 'amq.gen-x'"]);
}

proptest! {
    /// Whatever the text, an answer; and what is answered can be committed.
    #[test]
    fn never_panics(cut in 0usize..4000, at in 0usize..4000, byte in any::<u8>()) {
        let mut bytes = sample().to_string().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(bytes.len().saturating_sub(if cut < 200 { cut } else { 0 }));
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        let mut catalog = catalog();
        if let Ok(imported) = read(&catalog, None, &text) {
            for change in imported.changes {
                prop_assert!(catalog.commit(change).is_ok());
            }
        }
    }
}

#[test]
fn settings_of_the_broker_come_with_a_file_and_are_checked() {
    let mut catalog = catalog();
    let file =
        |value: Json| json!({"global_parameters": [{"name": "kafka-broker-settings", "value": value}]});
    let set = json!({"default": {"log.retention.ms": "5"}});
    load(&mut catalog, None, &file(set.clone()));
    assert_eq!(catalog.broker_settings().to_json(), Some(set.clone()));
    let exported = export(&catalog);
    assert_eq!(exported["global_parameters"], json!([{"name": "kafka-broker-settings", "value": set}]));
    let refused = read(&catalog, None, &file(json!({"default": {"log.retention.ms": "0"}})).to_string());
    assert_eq!(
        refused.unwrap_err().to_string(),
        "global_parameters[0].value: requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1"
    );
    let change = Change::GlobalParameterDelete { name: "kafka-broker-settings".into() };
    catalog.commit(change).unwrap();
    assert_eq!(catalog.broker_settings().to_json(), None);
}
