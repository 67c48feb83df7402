//! Identifiers a part of the house must not speak: wire code without I/O, a hall without protocols, a cellar
//! without queues. Comments and strings may say what they like.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};

use super::is_cfg_test;
use crate::repo::Source;

/// How an identifier offends.
enum Match {
    Whole(&'static [&'static str]),
    /// Any of its words (`snake_case` or `CamelCase`, in lower case).
    Word(&'static [&'static str]),
}

struct Rule {
    applies: fn(&Source) -> bool,
    forbidden: Match,
    why: &'static str,
}

const PROTOCOLS: &[&str] = &["amqp", "kafka", "mqtt", "stomp", "redis", "sqs", "sns", "resp"];

const RULES: &[Rule] = &[
    Rule {
        applies: |source| source.path.contains("/src/wire/") || source.path.ends_with("/src/wire.rs"),
        forbidden: Match::Whole(&["tokio", "anymq_broker", "anymq_net", "anymq_runtime", "async"]),
        why: "wire code is sans-I/O: bytes to frames and back",
    },
    Rule {
        applies: |source| in_crates(source, &["types", "runtime", "log", "auth", "catalog", "broker", "net"]),
        forbidden: Match::Word(PROTOCOLS),
        why: "no protocol is the native one; what only a protocol means stays in its door",
    },
    Rule {
        applies: |source| in_crates(source, &["log"]),
        // A list of requests may well be called a queue; what it must not hold is an id of the hall.
        forbidden: Match::Whole(&["QueueId", "ExchangeId", "ConsumerId", "VhostId"]),
        why: "the log knows bytes and durability, and nothing of queues",
    },
    Rule {
        applies: |source| in_crates(source, &["amqp", "kafka"]),
        forbidden: Match::Whole(&["anymq_log"]),
        why: "a door speaks to the hall, never to the cellar",
    },
];

fn in_crates(source: &Source, names: &[&str]) -> bool {
    source.krate().is_some_and(|krate| names.contains(&krate))
}

pub(super) fn check(source: &Source, syntax: &syn::File) -> Vec<String> {
    if source.is_test() {
        return Vec::new();
    }
    let rules: Vec<&Rule> = RULES.iter().filter(|rule| (rule.applies)(source)).collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let mut speech = Speech { source, rules, complaints: Vec::new() };
    speech.visit_file(syntax);
    speech.complaints.dedup();
    speech.complaints
}

struct Speech<'a> {
    source: &'a Source,
    rules: Vec<&'a Rule>,
    complaints: Vec<String>,
}

impl Speech<'_> {
    fn hear(&mut self, ident: &Ident) {
        let name = ident.to_string();
        for rule in &self.rules {
            let offends = match rule.forbidden {
                Match::Whole(list) => list.contains(&name.as_str()),
                Match::Word(list) => words(&name).iter().any(|word| list.contains(&word.as_str())),
            };
            if offends {
                let line = ident.span().start().line;
                self.complaints.push(format!("{}:{line}: `{name}`: {}", self.source.path, rule.why));
            }
        }
    }

    fn hear_tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => self.hear(&ident),
                TokenTree::Group(group) => self.hear_tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Speech<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_cfg_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_ident(&mut self, ident: &'ast Ident) {
        self.hear(ident);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        visit::visit_macro(self, mac);
        self.hear_tokens(mac.tokens.clone());
    }
}

/// The words of an identifier: `AmqpValue`, `amqp_value` and `AMQP_VALUE` are all "amqp", "value".
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous_lower = false;
    for c in name.chars() {
        if c == '_' {
            words.push(String::new());
            previous_lower = false;
            continue;
        }
        if words.is_empty() || (c.is_uppercase() && previous_lower) {
            words.push(String::new());
        }
        previous_lower = c.is_lowercase();
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn check_text(path: &str, text: &str) -> String {
        let source = Source { path: path.to_owned(), text: text.to_owned() };
        check(&source, &syn::parse_file(text).expect("valid source")).join("\n")
    }

    #[test]
    fn wire_code_does_no_io() {
        let text = "use tokio::io;\nfn ok() {}\n#[cfg(test)]\nmod tests { use tokio::io; }\n";
        expect!["crates/amqp/src/wire/frame.rs:1: `tokio`: wire code is sans-I/O: bytes to frames and back"]
            .assert_eq(&check_text("crates/amqp/src/wire/frame.rs", text));
        assert_eq!(check_text("crates/amqp/src/session.rs", text), "");
    }

    #[test]
    fn the_hall_names_no_protocol_and_the_cellar_no_queue() {
        let text = "/// Kafka and queues in prose are fine.\nstruct KafkaOffset;\nfn f() { g!(QueueId, \"queue\"); }\n";
        expect![[r#"
            crates/broker/src/a.rs:2: `KafkaOffset`: no protocol is the native one; what only a protocol means stays in its door"#]]
        .assert_eq(&check_text("crates/broker/src/a.rs", text));
        expect![[r#"
            crates/log/src/a.rs:2: `KafkaOffset`: no protocol is the native one; what only a protocol means stays in its door
            crates/log/src/a.rs:3: `QueueId`: the log knows bytes and durability, and nothing of queues"#]]
        .assert_eq(&check_text("crates/log/src/a.rs", text));
    }

    #[test]
    fn words_of_identifiers() {
        assert_eq!(words("AmqpValue"), ["amqp", "value"]);
        assert_eq!(words("AMQP_VALUE"), ["amqp", "value"]);
        assert_eq!(words("response"), ["response"]);
    }
}
