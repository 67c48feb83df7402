"""confluent-kafka's own registry client and serializers: records out and in again, and refused where a topic or queue demands a schema."""

import time
import uuid

import pika
import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient, record_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

AVRO = """{"type": "record", "name": "User", "namespace": "n", "fields": [
    {"name": "name", "type": "string"}, {"name": "age", "type": "int"}, {"name": "mail", "type": ["null", "string"], "default": null}]}"""
JSON = """{"$schema": "http://json-schema.org/draft-07/schema#", "title": "User", "type": "object", "additionalProperties": false,
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}}, "required": ["name"]}"""
INVALID_RECORD = 87


@pytest.fixture(scope="session")
def client(broker):
    return SchemaRegistryClient({"url": broker.registry})


def message_class(package):
    """The class of `message Outer { message User { string name; int32 age; Timestamp at } }`, with an import."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3",
                                              dependency=["google/protobuf/timestamp.proto"])
    outer = file.message_type.add(name="Outer")
    user = outer.nested_type.add(name="User")
    user.field.add(name="name", number=1, type=9, label=1)
    user.field.add(name="age", number=2, type=5, label=1)
    user.field.add(name="at", number=3, type=11, label=1, type_name=".google.protobuf.Timestamp")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.Outer.User"))


def name(kind):
    return f"{kind}-{uuid.uuid4().hex[:8]}"


def make_topic(broker, topic, **config):
    config = {key.replace("_", "."): value for key, value in config.items()}
    admin = AdminClient({"bootstrap.servers": broker.kafka})
    for made in admin.create_topics([NewTopic(topic, 1, config=config)]).values():
        made.result(10)
    return admin


def produce(broker, topic, value, key=None):
    """Produces one record; the error, or None."""
    outcome = []
    producer = Producer({"bootstrap.servers": broker.kafka, "enable.idempotence": False, "retries": 0})
    producer.produce(topic, value=value, key=key, on_delivery=lambda error, _: outcome.append(error))
    assert producer.flush(20) == 0
    return outcome[0]


def consume(broker, topic, count):
    consumer = Consumer({"bootstrap.servers": broker.kafka, "group.id": uuid.uuid4().hex, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    values, deadline = [], time.monotonic() + 30
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is not None and not message.error():
            values.append(message.value())
    consumer.close()
    return values


def serializers(kind, client):
    """A serializer, its deserializer, and a value."""
    if kind == "avro":
        return (AvroSerializer(client, AVRO), AvroDeserializer(client), {"name": "ann", "age": 7, "mail": None})
    if kind == "json":
        return (JSONSerializer(JSON, client), JSONDeserializer(JSON, schema_registry_client=client), {"name": "ann", "age": 7})
    package = name("p").replace("-", "_")
    cls = message_class(package)
    value = cls(name="ann", age=7)
    value.at.seconds = 5
    return (ProtobufSerializer(cls, client), ProtobufDeserializer(cls, {}, client), value)


@pytest.mark.parametrize("kind", ["avro", "json", "protobuf"])
def test_records_come_back(broker, client, kind):
    topic = name(kind)
    make_topic(broker, topic, confluent_value_schema_validation="true")
    write, read, value = serializers(kind, client)
    context = SerializationContext(topic, MessageField.VALUE)
    assert produce(broker, topic, write(value, context)) is None
    [raw] = consume(broker, topic, 1)
    assert read(raw, context) == value
    latest = client.get_latest_version(f"{topic}-value")
    assert latest.version == 1 and latest.schema.schema_type == kind.upper()
    assert client.get_schema(latest.schema_id).schema_str == latest.schema.schema_str
    assert client.lookup_schema(f"{topic}-value", latest.schema).schema_id == latest.schema_id
    assert f"{topic}-value" in client.get_subjects()


@pytest.mark.parametrize("kind", ["avro", "json", "protobuf"])
def test_bad_records_are_refused(broker, client, kind):
    topic, other = name(kind), name("other")
    make_topic(broker, topic, confluent_value_schema_validation="true")
    write, _, value = serializers(kind, client)
    good = write(value, SerializationContext(topic, MessageField.VALUE))
    foreign = AvroSerializer(client, '"string"')("x", SerializationContext(other, MessageField.VALUE))
    for bad in [b"", b"{}", b"\0\0\1\0\0" + good[5:], foreign, good[:-1], good[:5]]:
        error = produce(broker, topic, bad)
        assert error is not None and error.code() == INVALID_RECORD, bad
    assert produce(broker, topic, None, key=b"k") is None, "a tombstone is taken"
    assert produce(broker, topic, good) is None
    assert consume(broker, topic, 2) == [None, good]


def test_validation_can_be_switched_on_later(broker, client):
    topic = name("later")
    admin = make_topic(broker, topic)
    assert produce(broker, topic, b"anything") is None
    resource = ConfigResource("topic", topic, set_config={"confluent.value.schema.validation": "true",
                                                          "confluent.value.subject.name.strategy": "io.confluent.kafka.serializers.subject.RecordNameStrategy"})
    for done in admin.alter_configs([resource]).values():
        done.result(10)
    assert produce(broker, topic, b"anything").code() == INVALID_RECORD
    by_record = AvroSerializer(client, AVRO, conf={"subject.name.strategy": record_subject_name_strategy})
    assert produce(broker, topic, by_record({"name": "a", "age": 1, "mail": None}, SerializationContext(topic, MessageField.VALUE))) is None
    [described] = admin.describe_configs([ConfigResource("topic", topic)]).values()
    shown = described.result(10)
    assert shown["confluent.value.schema.validation"].value == "true"
    bad = ConfigResource("topic", topic, set_config={"confluent.value.schema.validation": "perhaps"})
    [altered] = admin.alter_configs([bad]).values()
    with pytest.raises(KafkaException):
        altered.result(10)


def test_versions_must_fit(client):
    subject = name("s")
    first = Schema('{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}', "AVRO")
    more = Schema('{"type":"record","name":"R","fields":[{"name":"a","type":"int"},{"name":"b","type":"int"}]}', "AVRO")
    number = client.register_schema(subject, first)
    assert client.register_schema(subject, first) == number
    assert not client.test_compatibility(subject, more)
    with pytest.raises(SchemaRegistryError) as refused:
        client.register_schema(subject, more)
    assert (refused.value.http_status_code, refused.value.error_code) == (409, 409)
    assert "READER_FIELD_MISSING_DEFAULT_VALUE" in refused.value.error_message
    client.set_compatibility(subject, "FORWARD")
    assert client.get_compatibility(subject) == "FORWARD"
    assert client.register_schema(subject, more) > number
    assert client.get_versions(subject) == [1, 2]
    assert client.delete_version(subject, 1) == 1
    assert client.delete_subject(subject) == [2]
    assert sorted(client.delete_subject(subject, permanent=True)) == [1, 2]
    with pytest.raises(SchemaRegistryError) as gone:
        client.get_latest_version(subject)
    assert gone.value.error_code == 40401


def test_references(client):
    base, user = name("base"), name("user")
    client.register_schema(base, Schema('{"type":"record","name":"B","namespace":"n","fields":[{"name":"x","type":"long"}]}', "AVRO"))
    text = '{"type":"record","name":"U","namespace":"n","fields":[{"name":"b","type":"n.B"}]}'
    schema = Schema(text, "AVRO", references=[SchemaReference("n.B", base, 1)])
    write = AvroSerializer(client, schema)
    raw = write({"b": {"x": 7}}, SerializationContext(user, MessageField.VALUE))
    assert AvroDeserializer(client)(raw, SerializationContext(user, MessageField.VALUE)) == {"b": {"x": 7}}
    with pytest.raises(SchemaRegistryError) as held:
        client.delete_version(base, 1)
    assert held.value.error_code == 42206


def test_ids_stay_after_a_kill(start):
    broker = start()
    client = SchemaRegistryClient({"url": broker.registry})
    schemas = [Schema(f'{{"type":"fixed","name":"F{n}","size":{n + 1}}}', "AVRO") for n in range(50)]
    ids = [client.register_schema(f"s{n}", schema) for n, schema in enumerate(schemas)]
    client.delete_subject("s49")
    client.delete_subject("s49", permanent=True)
    broker.kill()
    broker.start()
    client = SchemaRegistryClient({"url": broker.registry})
    assert [client.register_schema(f"s{n}", schema) for n, schema in enumerate(schemas[:49])] == ids[:49]
    assert client.register_schema("s49", schemas[49]) > max(ids)
    assert broker.stop() == 0
    broker.start()
    client = SchemaRegistryClient({"url": broker.registry})
    assert [client.register_schema(f"s{n}", schema) for n, schema in enumerate(schemas[:49])] == ids[:49]


def test_a_queue_refuses_what_is_not_of_its_schema(broker, client):
    queue = name("q")
    raw = AvroSerializer(client, AVRO)({"name": "a", "age": 1, "mail": None}, SerializationContext(queue, MessageField.VALUE))
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    channel = connection.channel()
    channel.queue_declare(queue, durable=True, arguments={"x-anymq-schema-validation": "value"})
    channel.confirm_delivery()
    channel.basic_publish("", queue, raw)
    with pytest.raises(pika.exceptions.NackError):
        channel.basic_publish("", queue, raw[:-1])
    channel.basic_publish("", queue, raw)
    assert channel.queue_declare(queue, passive=True).method.message_count == 2
    plain = connection.channel()
    plain.basic_publish("", queue, raw[:-1])
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as closed:
        plain.queue_declare(queue, passive=True)
    assert closed.value.reply_code == 406 and "schema" in closed.value.reply_text and "/" in closed.value.reply_text
    transaction = connection.channel()
    transaction.tx_select()
    transaction.basic_publish("", queue, raw)
    transaction.basic_publish("", queue, b"{}")
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        transaction.tx_commit()
    assert channel.queue_declare(queue, passive=True).method.message_count == 2
    bad = connection.channel()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker):
        bad.queue_declare(name("q"), arguments={"x-anymq-schema-validation": "body"})
    # The same queue by way of the other protocol.
    assert produce(broker, queue, b"{}").code() == INVALID_RECORD
    assert produce(broker, queue, raw) is None
    connection.close()
