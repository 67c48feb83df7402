'use strict';
// What Kafka's users expect, one test for each point of the list; the numbers are those of the product's requirements (K1 …).
const assert = require('node:assert');
const { createServer } = require('node:net');
const { test, before, after } = require('node:test');
const amqp = require('../node/node_modules/amqplib');
const { Kafka, Partitioners, logLevel } = require('kafkajs');
const { start } = require('./broker');

const PATIENCE_MS = 30000;

let broker;
let kafka;
before(async () => {
  broker = await start();
  kafka = client();
});
after(async () => assert.equal(await broker.stop(), 0, 'it stops when it is asked to'));

const client = (options) => new Kafka({ brokers: [broker.kafka], logLevel: logLevel.NOTHING, retry: { retries: 3 }, ...options });
const producer = (of = kafka, options) => of.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options });

async function using(clients, body) {
  const all = [].concat(clients);
  for (const one of all) await one.connect();
  try {
    return await body(...all);
  } finally {
    for (const one of all) await one.disconnect();
  }
}

async function until(probe, what) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await probe();
    if (value) return value;
    assert.ok(Date.now() < deadline, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const create = (topic, numPartitions = 1, configEntries = []) =>
  using(kafka.admin(), (admin) => admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] }));

/** A consumer that keeps what it gets. */
async function reader(groupId, topic, options = {}) {
  const consumer = kafka.consumer({ groupId, sessionTimeout: 30000, heartbeatInterval: 3000, maxWaitTimeInMs: 100 });
  const messages = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: options.fromBeginning ?? true });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    messages.assigned = payload.memberAssignment[topic] ?? [];
    resolve();
  }));
  await consumer.run({ eachMessage: async ({ partition, message }) => { messages.push({ partition, ...message, text: message.value?.toString() }); } });
  await joined;
  return { consumer, messages, stop: () => consumer.disconnect() };
}

test('K1: a dead bootstrap address beside a live one', async () => {
  const dead = await new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
  const both = client({ brokers: [`127.0.0.1:${dead}`, broker.kafka], retry: { initialRetryTime: 100, retries: 8 } });
  await using(both.admin(), async (admin) => assert.equal((await admin.describeCluster()).brokers.length, 1));
});

test('K2: no topic is made for who does not want it', async () => {
  await using([producer(kafka, { allowAutoTopicCreation: false, retry: { retries: 0 } }), kafka.admin()], async (sender, admin) => {
    const before = (await admin.listTopics()).sort();
    await assert.rejects(sender.send({ topic: 'k2.missing', messages: [{ value: 'v' }] }), /This server does not host this topic-partition/);
    assert.deepEqual((await admin.listTopics()).sort(), before);
  });
});

test('K3: keys go to their partitions, header bytes stay', async () => {
  await create('k3', 7);
  const bytes = Buffer.from([0, 255, 10, 128]);
  await using(producer(), async (sender) => {
    const keys = Array.from({ length: 100 }, (_, n) => `key-${n}`);
    await sender.send({ topic: 'k3', messages: keys.map((key) => ({ key, value: key, headers: { h: bytes } })) });
    await sender.send({ topic: 'k3', messages: [{ key: 'key-1', value: 'explicit', partition: 0, headers: { h: bytes } }] });
  });
  const { messages, stop } = await reader('k3', 'k3');
  await until(() => messages.length === 101, '101 messages');
  await stop();
  for (const { partition, key, text, headers } of messages) {
    assert.deepEqual(headers.h, bytes);
    const expected = text === 'explicit' ? 0 : murmur2Partition(key, 7);
    assert.equal(partition, expected, `${key} (${text})`);
  }
});

/** Where Apache Kafka's default partitioner puts a key: murmur2, made positive, modulo. */
function murmur2Partition(key, partitions) {
  const m = 0x5bd1e995;
  let h = (0x9747b28c ^ key.length) | 0;
  let at = 0;
  for (; at + 4 <= key.length; at += 4) {
    let k = Math.imul(key.readInt32LE(at), m);
    k ^= k >>> 24;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  for (let rest = key.length - at; rest > 0; rest--) h ^= key[at + rest - 1] << (8 * (rest - 1));
  if (at < key.length) h = Math.imul(h, m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  h ^= h >>> 15;
  return (h & 0x7fffffff) % partitions;
}

test('K4: one call for several topics', async () => {
  for (const topic of ['k4.a', 'k4.b']) await create(topic, 2);
  await using([producer(), kafka.admin()], async (sender, admin) => {
    const messages = [0, 1, 0].map((partition) => ({ partition, value: 'v' }));
    const answers = await sender.sendBatch({ acks: -1, topicMessages: [{ topic: 'k4.a', messages }, { topic: 'k4.b', messages }] });
    assert.deepEqual(answers.map(({ topicName, partition, errorCode }) => [topicName, partition, errorCode]).sort(),
      [['k4.a', 0, 0], ['k4.a', 1, 0], ['k4.b', 0, 0], ['k4.b', 1, 0]]);
    for (const topic of ['k4.a', 'k4.b']) {
      assert.deepEqual((await admin.fetchTopicOffsets(topic)).map(({ high }) => high).sort(), ['1', '2']);
    }
  });
});

test('K5: three members share three partitions, one goes, none is missed; two groups see all', async () => {
  await create('k5', 3);
  const members = [];
  for (let n = 0; n < 3; n++) members.push(await reader('k5', 'k5'));
  const other = await reader('k5.other', 'k5');
  await until(() => members.every(({ messages }) => messages.assigned.length === 1), 'one partition each');
  await using(producer(), async (sender) => {
    const send = (from) => sender.send({ topic: 'k5', messages: Array.from({ length: 30 }, (_, n) => ({ partition: n % 3, value: String(from + n) })) });
    await send(0);
    await until(() => members.flatMap(({ messages }) => messages).length === 30, 'the first 30');
    await members[0].stop();
    await until(() => members[1].messages.assigned.length + members[2].messages.assigned.length === 3, 'the others have its partition');
    await send(30);
  });
  const seen = () => members.flatMap(({ messages }) => messages.map(({ text }) => Number(text)));
  await until(() => new Set(seen()).size === 60 && other.messages.length === 60, 'all 60, in both groups');
  assert.deepEqual([...new Set(seen())].sort((a, b) => a - b), Array.from({ length: 60 }, (_, n) => n));
  for (const { stop } of [members[1], members[2], other]) await stop();
});

test('K6: any offset and any time can be read again', async () => {
  await create('k6');
  const sent = Array.from({ length: 50 }, (_, n) => ({ value: Buffer.from([n, 255 - n]), timestamp: String(1700000000000 + n * 1000) }));
  await using(producer(), (sender) => sender.send({ topic: 'k6', messages: sent }));
  const { consumer, messages, stop } = await reader('k6', 'k6');
  await until(() => messages.length === 50, 'everything once');
  consumer.seek({ topic: 'k6', partition: 0, offset: '20' });
  await until(() => messages.length === 80, 'from 20 on again');
  assert.deepEqual(messages.slice(50).map(({ offset }) => Number(offset)), Array.from({ length: 30 }, (_, n) => n + 20));
  const found = await using(kafka.admin(), (admin) => admin.fetchTopicOffsetsByTimestamp('k6', 1700000010500));
  assert.equal(found[0].offset, '11', 'the first that is not earlier');
  consumer.seek({ topic: 'k6', partition: 0, offset: found[0].offset });
  await until(() => messages.length === 119, 'from that time on again');
  for (const { offset, value } of messages) assert.deepEqual(value, sent[Number(offset)].value);
  await stop();
});

test('K8: who leads is the same everywhere', async () => {
  await create('k8', 4);
  await using(kafka.admin(), async (admin) => {
    const { brokers, controller } = await admin.describeCluster();
    const ids = brokers.map(({ nodeId }) => nodeId);
    assert.ok(ids.includes(controller));
    const { topics: [{ partitions }] } = await admin.fetchTopicMetadata({ topics: ['k8'] });
    assert.deepEqual(partitions.map(({ partitionId }) => partitionId).sort(), [0, 1, 2, 3]);
    for (const { leader, replicas, isr } of partitions) {
      assert.ok(ids.includes(leader));
      assert.deepEqual([replicas, isr], [[leader], [leader]]);
    }
  });
});

test('K10: a batch that is sent again is stored once, one that skips is refused', async () => {
  await create('k10');
  const { Cluster, broker: leader, producerId, producerEpoch } = await rawProducer('k10');
  const batch = (firstSequence) => leader.produce({
    producerId, producerEpoch, acks: -1, timeout: 5000,
    topicData: [{ topic: 'k10', partitions: [{ partition: 0, firstSequence, messages: [{ key: null, value: 'v', timestamp: String(Date.now()) }] }] }],
  });
  const base = ({ topics: [{ partitions: [{ baseOffset }] }] }) => baseOffset;
  try {
    assert.deepEqual([base(await batch(0)), base(await batch(1)), base(await batch(1)), base(await batch(0))], ['0', '1', '1', '0']);
    await assert.rejects(batch(5), { type: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });
  } finally {
    await Cluster.disconnect();
  }
  const [{ high }] = await using(kafka.admin(), (admin) => admin.fetchTopicOffsets('k10'));
  assert.equal(high, '2');
});

/** kafkajs' own connection to the leader: what it sends is its own request, only the sequence number is ours. */
async function rawProducer(topic) {
  const ClusterOf = require('kafkajs/src/cluster');
  const { createLogger } = require('kafkajs/src/loggers');
  const [host, port] = broker.kafka.split(':');
  const Cluster = new ClusterOf({
    brokers: [`${host}:${port}`], clientId: 'raw', connectionTimeout: 5000, requestTimeout: 10000, retry: { retries: 0 },
    socketFactory: require('kafkajs/src/network/socketFactory')(), logger: createLogger({ level: logLevel.NOTHING, logCreator: require('kafkajs/src/loggers/console') }),
  });
  await Cluster.connect();
  await Cluster.addTargetTopic(topic);
  const leader = await Cluster.findBroker({ nodeId: Object.keys(Cluster.findLeaderForPartitions(topic, [0]))[0] });
  const { producerId, producerEpoch } = await leader.initProducerId({ transactionTimeout: 30000 });
  return { Cluster, broker: leader, producerId, producerEpoch };
}

test('K13: lag is end less committed, whoever counts', async () => {
  await create('k13', 2);
  await using([producer(), kafka.admin()], async (sender, admin) => {
    await sender.send({ topic: 'k13', messages: Array.from({ length: 10 }, (_, n) => ({ partition: n % 2, value: 'v' })) });
    const { messages, consumer, stop } = await reader('k13', 'k13');
    await until(() => messages.length === 10, 'everything');
    await consumer.commitOffsets([{ topic: 'k13', partition: 0, offset: '2' }, { topic: 'k13', partition: 1, offset: '5' }]);
    await stop();
    await admin.setOffsets({ groupId: 'k13', topic: 'k13', partitions: [{ partition: 0, offset: '2' }] });
    const ends = Object.fromEntries((await admin.fetchTopicOffsets('k13')).map(({ partition, high }) => [partition, Number(high)]));
    const [{ partitions }] = await admin.fetchOffsets({ groupId: 'k13', topics: ['k13'] });
    const lags = Object.fromEntries(partitions.map(({ partition, offset }) => [partition, ends[partition] - Number(offset)]));
    assert.deepEqual(lags, { 0: 3, 1: 0 });
  });
});

test('K14: what cannot be handled goes to a dead-letter topic of the application', async () => {
  for (const topic of ['k14', 'k14.dlq']) await create(topic);
  await using([producer(), kafka.consumer({ groupId: 'k14', maxWaitTimeInMs: 100 })], async (sender, consumer) => {
    await sender.send({ topic: 'k14', messages: ['1', 'poison', '2'].map((value) => ({ value })) });
    const handled = [];
    await consumer.subscribe({ topic: 'k14', fromBeginning: true });
    await consumer.run({ eachMessage: async ({ topic, partition, message }) => {
      const value = message.value.toString();
      if (!Number.isNaN(Number(value))) return handled.push(value);
      const headers = { 'x-error': 'not a number', 'x-from': `${topic}/${partition}@${message.offset}` };
      return sender.send({ topic: 'k14.dlq', messages: [{ value: message.value, headers }] });
    } });
    const { messages, stop } = await reader('k14.dead', 'k14.dlq');
    await until(() => handled.length === 2 && messages.length === 1, 'two handled, one dead');
    assert.deepEqual([messages[0].text, messages[0].headers['x-from'].toString()], ['poison', 'k14/0@1']);
    await stop();
  });
});

test('K15: errors of a log pipeline arrive in an AMQP queue', async () => {
  await create('k15.application-logs');
  const connection = await amqp.connect(`amqp://${broker.amqp}`);
  const channel = await connection.createChannel();
  await channel.assertQueue('k15.alert-queue', { durable: true });
  const alerts = [];
  await channel.consume('k15.alert-queue', (message) => { alerts.push(message.content.toString()); channel.ack(message); });
  const lines = ['INFO started', 'ERROR disk full', 'WARN slow', 'ERROR out of memory'];
  await using([producer(), kafka.consumer({ groupId: 'k15.processor', maxWaitTimeInMs: 100 })], async (sender, consumer) => {
    await sender.send({ topic: 'k15.application-logs', messages: lines.map((value) => ({ value })) });
    await consumer.subscribe({ topic: 'k15.application-logs', fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => {
      if (message.value.toString().startsWith('ERROR')) await sender.send({ topic: 'k15.alert-queue', messages: [{ value: message.value }] });
    } });
    await until(() => alerts.length === 2, 'two alerts');
  });
  assert.deepEqual(alerts, ['ERROR disk full', 'ERROR out of memory']);
  await connection.close();
});
