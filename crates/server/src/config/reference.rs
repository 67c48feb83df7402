//! The page that lists every key, made from the structs' own doc comments and defaults.

use toml::Table;

use super::Settings;

/// Where a table's keys are documented: its name, a sentence on it, and the structs with their sources.
struct Chapter {
    table: &'static str,
    structs: &'static [(&'static str, &'static str)],
}

const NET: &str = include_str!("../../../net/src/config.rs");
const ADMIN: &str = include_str!("../../../admin/src/config.rs");
const AMQP: &str = include_str!("../../../amqp/src/config.rs");
const KAFKA: &str = include_str!("../../../kafka/src/config.rs");
const REGISTRY: &str = include_str!("../../../registry/src/config.rs");
const OAUTH2: &str = include_str!("../../../auth/src/oauth2/config.rs");
const BROKER: &str = include_str!("../../../broker/src/config.rs");
const GROUPS: &str = include_str!("../../../broker/src/groups/config.rs");
const OWN: &str = include_str!("sections.rs");

const CHAPTERS: &[Chapter] = &[
    Chapter { table: "server", structs: &[("Process", OWN)] },
    Chapter { table: "logging", structs: &[("Logging", OWN)] },
    Chapter { table: "bootstrap", structs: &[("Bootstrap", OWN)] },
    Chapter { table: "auth", structs: &[("Auth", OWN)] },
    Chapter { table: "auth.oauth2", structs: &[("Config", OAUTH2)] },
    Chapter { table: "storage", structs: &[("Storage", OWN)] },
    Chapter { table: "broker", structs: &[("Config", BROKER)] },
    Chapter { table: "broker.groups", structs: &[("Config", GROUPS)] },
    Chapter { table: "amqp", structs: &[("Config", NET), ("Config", AMQP)] },
    Chapter { table: "kafka", structs: &[("Config", NET), ("Config", KAFKA)] },
    Chapter { table: "registry", structs: &[("Config", NET), ("Config", REGISTRY)] },
    Chapter { table: "admin", structs: &[("Config", NET), ("Config", ADMIN)] },
    Chapter { table: "metrics", structs: &[("Config", NET), ("MetricsConfig", ADMIN)] },
];

const HEAD: &str = "\
# Configuration

<!-- Made by `anymq config reference`; edit the doc comments of the settings instead. -->

Later places win: defaults, `anymq.toml` (or `--config FILE`), the environment, flags. Sizes are written `\"64MiB\"`, durations `\"30s\"`.

* `anymq config check` reads it all and names the first mistake; `anymq config show --origin` tells where each value comes from.
* In the environment `amqp.port` is `ANYMQ_AMQP__PORT`; lists are separated by commas. With `_FILE` after the name the value is read from that file's
  first line: `ANYMQ_BOOTSTRAP__PASSWORD_FILE=/run/secrets/password`.
* On the command line it is `--set amqp.port=5673`.
* `RABBITMQ_DEFAULT_USER`, `RABBITMQ_DEFAULT_PASS` and `RABBITMQ_DEFAULT_VHOST` (also with `_FILE`) set `bootstrap.user`, `bootstrap.password` and `bootstrap.vhost`.
* A key that does not exist is an error.
* SIGHUP reads certificates, the keys that tokens are verified with and `logging.level` again; everything else needs a restart.
";

const DEV: &str = "
## What `anymq dev` does otherwise

`anymq dev` begins with `registry.enabled = true`, with `amqp.addresses`, `kafka.addresses`, `registry.addresses` and `metrics.addresses` at this machine only and `logging.level = \"warn\"`; a port that is taken is moved to the next
free one, and it says so.
";

const TLS: &str = "
With TLS, the table below the door's, as `[amqp.tls]`:
";

/// docs/configuration.md.
pub fn reference() -> String {
    let defaults = Settings::default().to_table();
    let mut page = HEAD.to_owned();
    for chapter in CHAPTERS {
        let empty = Table::new();
        let values = chapter.table.split('.').try_fold(&defaults, |table, name| table.get(name)?.as_table());
        let values = values.unwrap_or(&empty);
        page.push_str(&format!("\n## `[{}]`\n", chapter.table));
        for (i, (name, source)) in chapter.structs.iter().enumerate() {
            let (about, fields) = documented(source, name);
            let gap = if i == 0 { "\n" } else { "\n\n" };
            page.push_str(&format!("{gap}{about}\n\n| key | default | |\n|---|---|---|\n"));
            for (field, text) in fields {
                let value = values.get(&field).filter(|value| !value.is_table());
                let default = value.map_or("-".into(), |value| format!("`{value}`"));
                let default = if field == "password" { "`\"guest\"`".into() } else { default };
                page.push_str(&format!("| `{field}` | {default} | {} |\n", text.replace('|', "\\|")));
            }
        }
    }
    page.push_str(TLS);
    page.push_str("\n| key | |\n|---|---|\n");
    for (field, text) in documented(NET, "TlsConfig").1 {
        page.push_str(&format!("| `{field}` | {text} |\n"));
    }
    page.push_str(DEV);
    page
}

/// A struct's doc comment and its fields' in one source file.
fn documented(source: &str, name: &str) -> (String, Vec<(String, String)>) {
    let mut about = String::new();
    let mut comment = Vec::new();
    let mut fields = Vec::new();
    let mut inside = false;
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.trim().to_owned());
        } else if line == format!("pub struct {name} {{") {
            about = comment.join(" ");
            comment.clear();
            inside = true;
        } else if inside && line == "}" {
            break;
        } else if let Some(field) =
            line.strip_prefix("pub ").and_then(|l| l.split_once(": ")).filter(|_| inside)
        {
            fields.push((field.0.to_owned(), comment.join(" ")));
            comment.clear();
        } else if !line.starts_with("#[") {
            comment.clear();
        }
    }
    let about =
        about.split_once(": ").filter(|(head, _)| head.starts_with("`[")).map_or(about.clone(), |(_, a)| {
            let mut chars = a.chars();
            chars.next().map(|c| c.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
        });
    (about, fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_documented_with_its_default() {
        let page = reference();
        for key in Settings::schema().keys() {
            let Some((_, leaf)) = key.split_once('.') else {
                assert!(page.contains(&format!("## `[{key}]`")), "no chapter for {key}");
                continue;
            };
            let leaf = leaf.rsplit('.').next().unwrap_or(leaf);
            let row = page.lines().find(|l| l.starts_with(&format!("| `{leaf}` |")));
            let row = row.unwrap_or_else(|| panic!("{key} is not on the page"));
            assert!(!row.ends_with("|  |"), "{key} has no text: {row}");
        }
        assert!(page.contains("| `port` | `5672` |"), "{page}");
    }
}
