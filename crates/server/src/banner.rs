//! What `anymq dev` says once it serves.

use std::path::Path;
use std::time::Duration;

use crate::config::Settings;
use crate::holder::Holder;
use crate::ready::Places;

/// A port that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Moved {
    pub(crate) door: &'static str,
    pub(crate) port: u16,
    pub(crate) holder: Option<Holder>,
}

pub(crate) fn text(
    settings: &Settings,
    places: &Places,
    moved: &[Moved],
    data_dir: &Path,
    took: Duration,
) -> String {
    let mut text = format!("AnyMQ {} serves after {} ms\n\n", env!("CARGO_PKG_VERSION"), took.as_millis());
    for Moved { door, port, holder } in moved {
        let by = holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default();
        text.push_str(&format!("  ! {door}: port {port} is taken{by}, moved\n"));
    }
    let url = amqp_url(settings, places);
    text.push_str(&format!("  AMQP 0-9-1  {url}\n"));
    if let Some(amqps) = &places.amqps {
        text.push_str(&format!("  AMQP, TLS   amqps://{amqps}\n"));
    }
    if let Some(kafka) = &places.kafka {
        text.push_str(&format!("  Kafka       {kafka}\n"));
    }
    if let Some(registry) = &places.registry {
        text.push_str(&format!("  Schemas     http://{registry}\n"));
    }
    text.push_str(&format!("  Admin API   http://{}/api/v1/overview\n", places.admin));
    if let Some(metrics) = &places.metrics {
        text.push_str(&format!("  Metrics     http://{metrics}/metrics\n"));
    }
    text.push_str(&format!("  Data        {} (kept over restarts)\n", data_dir.display()));
    text.push_str(&format!(
        "\nNode (npm install amqplib):\n\n\
         \x20 const amqp = require('amqplib')\n\
         \x20 const channel = await (await amqp.connect('{url}')).createConfirmChannel()\n\
         \x20 await channel.assertQueue('hello')\n\
         \x20 channel.sendToQueue('hello', Buffer.from('world'), {{ persistent: true }})\n\
         \x20 await channel.waitForConfirms()   // on disk\n\
         \nPython (pip install pika):\n\n\
         \x20 import pika\n\
         \x20 channel = pika.BlockingConnection(pika.URLParameters('{url}')).channel()\n\
         \x20 channel.queue_declare('hello', durable=True)\n\
         \x20 channel.confirm_delivery()\n\
         \x20 channel.basic_publish('', 'hello', b'world', pika.BasicProperties(delivery_mode=2))   # on disk\n\
         {}\nanymq queue ls · anymq top · Ctrl-C stops\n",
        places.registry.as_deref().map(schemas).unwrap_or_default()
    ));
    text
}

/// How the schema registry is used.
fn schemas(address: &str) -> String {
    format!(
        "\nSchemas (pip install 'confluent-kafka[schemaregistry,avro]'):\n\n\
         \x20 from confluent_kafka.schema_registry import Schema, SchemaRegistryClient\n\
         \x20 registry = SchemaRegistryClient({{'url': 'http://{address}'}})\n\
         \x20 registry.register_schema('hello-value', Schema('\"string\"', 'AVRO'))\n"
    )
}

/// With the password only if it is the one everybody knows.
fn amqp_url(settings: &Settings, places: &Places) -> String {
    let bootstrap = &settings.bootstrap;
    let password = if bootstrap.password.0 == "guest" { "guest" } else { "PASSWORD" };
    let vhost = if bootstrap.vhost == "/" { String::new() } else { encoded(&bootstrap.vhost) };
    format!("amqp://{}:{password}@{}/{vhost}", encoded(&bootstrap.user), places.amqp)
}

fn encoded(text: &str) -> String {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if safe(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
