//! `definitions.json` (`catalog::definitions`).

use anymq_catalog::definitions::{Import, export, import};
use anymq_catalog::{Catalog, QueueKind};

/// A file: what is accepted can be committed, and the export of the outcome can be imported again, to the same.
pub fn definitions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // Hashing a password takes 19 MiB and tens of milliseconds, on purpose.
    if text.contains("\"password\"") || text.contains("\\u00") {
        return;
    }
    let Some(catalog) = imported(text, None) else { return };
    let exported = export(&catalog).to_string();
    let again = imported(&exported, None).expect("what was exported can be imported");
    assert_eq!(export(&again).to_string(), exported);
    // The same for one vhost, which takes other paths.
    let _ = imported(text, Some("/"));
}

/// What a new catalogue becomes with the file; `None` if it is not valid.
fn imported(text: &str, vhost: Option<&str>) -> Option<Catalog> {
    let mut catalog = Catalog::new();
    for change in Catalog::initial_changes() {
        catalog.commit(change).expect("the initial changes fit together");
    }
    let outcome = import(
        text,
        Import { catalog: &catalog, vhost, default_queue_type: QueueKind::Classic, salt: &mut || [1; _] },
    )
    .ok()?;
    for change in outcome.changes {
        let shown = format!("{change:?}");
        if let Err(error) = catalog.commit(change) {
            panic!("{shown} was accepted, but: {error}");
        }
    }
    Some(catalog)
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let everything = r#"{"rabbit_version":"4.0.5","users":[{"name":"guest","password_hash":
"kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR","hashing_algorithm":"rabbit_password_hashing_sha256",
"tags":["administrator"],"limits":{"max-connections":10}},{"name":"o","password_hash":"","tags":"monitoring"}],
"vhosts":[{"name":"/","metadata":{"tags":[]}},{"name":"v","default_queue_type":"quorum"}],
"permissions":[{"user":"guest","vhost":"/","configure":".*","write":"^a|b$","read":""}],
"topic_permissions":[{"user":"guest","vhost":"/","exchange":"amq.topic","write":"^{username}","read":".*"}],
"parameters":[{"vhost":"v","component":"vhost-limits","name":"limits","value":{"max-queues":-1}},
{"vhost":"/","component":"operator_policy","name":"op","value":{"pattern":".*","apply-to":"queues","definition":{"max-length":9}}}],
"global_parameters":[{"name":"cluster_name","value":"here"}],
"policies":[{"vhost":"/","name":"p","pattern":"^t","apply-to":"all","priority":1,"definition":{"message-ttl":6,"dead-letter-exchange":"d"}}],
"exchanges":[{"vhost":"/","name":"e","type":"topic","durable":true,"arguments":{"alternate-exchange":"u"}},
{"vhost":"/","name":"h","type":"x-consistent-hash","internal":true,"auto_delete":true,"arguments":{}}],
"queues":[{"vhost":"/","name":"q","durable":true,"arguments":{"x-max-priority":5,"x-message-ttl":1000,"x-overflow":"reject-publish"}},
{"vhost":"v","name":"s","type":"stream","arguments":{"x-queue-type":"stream","x-max-age":"1D"}}],
"bindings":[{"vhost":"/","source":"e","destination":"q","destination_type":"queue","routing_key":"a.#","arguments":{"x-match":"all","n":[1,2.5,null,true,{"a":"b"}]}},
{"vhost":"/","source":"h","destination":"e","destination_type":"exchange","routing_key":"1"}]}"#;
    let small = r#"{"vhosts":[{"name":"x"}],"queues":[{"vhost":"x","name":"q"}]}"#;
    let nested = format!(
        "{{\"global_parameters\":[{{\"name\":\"n\",\"value\":{}1{}}}]}}",
        "[".repeat(70),
        "]".repeat(70)
    );
    [everything, small, &nested, "{}", "[", ""].iter().map(|text| text.as_bytes().to_vec()).collect()
}
