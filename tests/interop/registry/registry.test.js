'use strict';
// @kafkajs/confluent-schema-registry with kafkajs, and amqplib at a queue that demands a schema.
const assert = require('node:assert/strict');
const { after, before, test } = require('node:test');
const { SchemaRegistry, SchemaType } = require('@kafkajs/confluent-schema-registry');
const amqp = require('amqplib');
const { Kafka, logLevel } = require('kafkajs');
const { start } = require('./broker');

const AVRO = JSON.stringify({ type: 'record', name: 'User', namespace: 'n', fields: [{ name: 'name', type: 'string' }, { name: 'age', type: 'int', default: 0 }] });
const JSON_SCHEMA = JSON.stringify({ title: 'User', type: 'object', properties: { name: { type: 'string' }, age: { type: 'integer' } }, required: ['name'] });
const PROTO = 'syntax = "proto3"; package n; message User { string name = 1; int32 age = 2; }';
const USER = { name: 'ann', age: 7 };

let broker;
before(async () => { broker = await start(); });
after(async () => { await broker.stop(); });

for (const [type, schema] of [[SchemaType.AVRO, AVRO], [SchemaType.JSON, JSON_SCHEMA], [SchemaType.PROTOBUF, PROTO]]) {
  test(`${type}: registered, encoded, stored, decoded`, async () => {
    const topic = `js-${type.toLowerCase()}`;
    const registry = new SchemaRegistry({ host: broker.registry });
    const { id } = await registry.register({ type, schema }, { subject: `${topic}-value` });
    assert.equal(await registry.getLatestSchemaId(`${topic}-value`), id);
    assert.equal(await registry.getRegistryId(`${topic}-value`, 1), id);
    const kafka = new Kafka({ brokers: [broker.kafka], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
    const admin = kafka.admin();
    await admin.connect();
    // This client leaves out the message's indexes, which Confluent's format has before a Protobuf message: it cannot be judged.
    const judged = type !== SchemaType.PROTOBUF;
    await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries: [{ name: 'confluent.value.schema.validation', value: String(judged) }] }] });
    await admin.disconnect();
    const producer = kafka.producer();
    await producer.connect();
    const value = await registry.encode(id, USER);
    await producer.send({ topic, messages: [{ value }] });
    const bad = producer.send({ topic, messages: [{ value }, { value: Buffer.from('{}') }] });
    if (judged) {
      await assert.rejects(bad, (error) => {
        assert.equal(error.code ?? error.cause?.code, 87, error.message);
        return true;
      });
    } else {
      await bad;
    }
    await producer.disconnect();
    // A client of its own, which has to fetch the schema.
    const reader = new SchemaRegistry({ host: broker.registry });
    const consumer = kafka.consumer({ groupId: topic });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    const got = await new Promise((resolve, reject) => {
      consumer.run({ eachMessage: async ({ message }) => resolve(await reader.decode(message.value)) }).catch(reject);
    });
    await consumer.disconnect();
    assert.deepEqual({ ...got }, USER);
  });
}

test('a schema that does not fit is refused as the client expects', async () => {
  const registry = new SchemaRegistry({ host: broker.registry }, undefined);
  await registry.register({ type: SchemaType.AVRO, schema: AVRO }, { subject: 'js-fit' });
  const other = AVRO.replace('"string"', '"int"');
  await assert.rejects(registry.register({ type: SchemaType.AVRO, schema: other }, { subject: 'js-fit' }), /incompatible|Conflict/i);
  await assert.rejects(registry.getLatestSchemaId('js-none'), /not found/i);
});

test('a queue nacks what is not of its schema, and closes the channel of who does not listen', async () => {
  const registry = new SchemaRegistry({ host: broker.registry });
  const { id } = await registry.register({ type: SchemaType.AVRO, schema: AVRO }, { subject: 'js-queue-value' });
  const value = await registry.encode(id, USER);
  const connection = await amqp.connect(broker.amqp);
  const confirming = await connection.createConfirmChannel();
  await confirming.assertQueue('js-queue', { arguments: { 'x-anymq-schema-validation': 'value' } });
  const publish = (body) => new Promise((resolve) => { confirming.sendToQueue('js-queue', body, {}, (error) => resolve(error ? 'nack' : 'ack')); });
  const answers = await Promise.all([value, Buffer.from('{}'), value.subarray(0, 6), value].map(publish));
  assert.deepEqual(answers, ['ack', 'nack', 'nack', 'ack']);
  const plain = await connection.createChannel();
  const closed = new Promise((resolve) => { plain.on('error', resolve); });
  plain.sendToQueue('js-queue', value.subarray(0, 6));
  const error = await closed;
  assert.equal(error.code, 406);
  assert.match(error.message, new RegExp(`schema ${id}, at /name: it breaks off`));
  assert.equal((await confirming.checkQueue('js-queue')).messageCount, 2);
  await connection.close();
});
