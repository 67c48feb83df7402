'use strict';
// Messages on their way from one protocol to the other: a topic's exchange, and the program of docs/examples.
const assert = require('node:assert');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { test, before, after } = require('node:test');
const { promisify } = require('node:util');
const { CompressionTypes, Kafka, Partitioners, logLevel } = require('kafkajs');
const { Broker, amqp, until } = require('../node/broker');

const NODE_MODULES = ['node', 'kafka'].map((folder) => path.join(__dirname, '..', folder, 'node_modules'));
const EXAMPLE = path.join(__dirname, '..', '..', '..', 'docs', 'examples', 'crossing.js');

let broker;
before(async () => { broker = await new Broker().start(); });
after(async () => { await broker.stop(); });

const client = () => new Kafka({ brokers: [broker.kafka], logLevel: logLevel.NOTHING, requestTimeout: 3000, connectionTimeout: 1000 });

/** Topic `name`, its exchange `name.all` of a type, and a queue bound to it. */
async function crossing(channel, name, { partitions = 1, type = 'fanout', key = '', queue = `${name}.queue`, options = {} } = {}) {
  const admin = client().admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: name, numPartitions: partitions }] });
  await admin.disconnect();
  await channel.assertExchange(`${name}.all`, type, { internal: true, arguments: { 'x-anymq-from-topic': name } });
  await channel.assertQueue(queue, options);
  await channel.bindQueue(queue, `${name}.all`, key);
  return queue;
}

async function producing(options, body) {
  const producer = client().producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options });
  await producer.connect();
  try {
    return await body(producer);
  } finally {
    await producer.disconnect();
  }
}

async function connected(body) {
  const connection = await amqp.connect(broker.url);
  try {
    return await body(await connection.createChannel(), connection);
  } finally {
    await connection.close();
  }
}

test('every record of a topic is in a bound queue; it is acknowledged, comes back, and is dead-lettered', async () => {
  await connected(async (channel) => {
    await channel.assertQueue('events.dead');
    const options = { deadLetterExchange: '', deadLetterRoutingKey: 'events.dead' };
    const queue = await crossing(channel, 'events', { partitions: 3, type: 'topic', key: 'order.#', options });
    await producing({ idempotent: true, maxInFlightRequests: 1 }, (producer) => producer.send({
      topic: 'events', compression: CompressionTypes.GZIP,
      messages: Array.from({ length: 60 }, (_, n) => ({ key: n % 3 === 2 ? 'other' : `order.${n}`, value: String(n), headers: { 'message-id': `m-${n}`, n: String(n) } })),
    }));
    const want = Array.from({ length: 60 }, (_, n) => n).filter((n) => n % 3 !== 2);
    const [acked, again] = [[], new Set()];
    await channel.prefetch(7);
    await channel.consume(queue, (message) => {
      const n = Number(message.content);
      assert.deepEqual([message.fields.exchange, message.fields.routingKey], ['events.all', `order.${n}`]);
      assert.deepEqual([message.properties.messageId, message.properties.headers.n], [`m-${n}`, String(n)]);
      if (n % 10 === 0 && !message.fields.redelivered) return channel.nack(message, false, true);
      if (message.fields.redelivered) again.add(n);
      if (n % 10 === 1) return channel.nack(message, false, false);
      acked.push(n);
      channel.ack(message);
    });
    const dead = want.filter((n) => n % 10 === 1);
    await until(() => acked.length === want.length - dead.length, 'all are settled');
    assert.deepEqual([...new Set(acked)].sort((a, b) => a - b), want.filter((n) => n % 10 !== 1));
    assert.deepEqual([...again].sort((a, b) => a - b), want.filter((n) => n % 10 === 0));
    const letters = [];
    for (const _ of dead) {
      const letter = await until(() => channel.get('events.dead', { noAck: true }), 'a dead letter');
      assert.equal(letter.properties.headers['x-death'][0].queue, queue);
      letters.push(Number(letter.content));
    }
    assert.deepEqual(letters.sort((a, b) => a - b), dead);
    assert.equal((await channel.checkQueue(queue)).messageCount, 0);
  });
});

test('records of a transaction are queued when it commits, those of an aborted one never', async () => {
  await connected(async (channel) => {
    const queue = await crossing(channel, 'payments');
    await producing({ transactionalId: 'payer', idempotent: true, maxInFlightRequests: 1 }, async (producer) => {
      const send = async (value, end) => {
        const transaction = await producer.transaction();
        await transaction.send({ topic: 'payments', messages: [{ value }] });
        assert.equal((await channel.checkQueue(queue)).messageCount, 0, 'nothing before the end');
        await transaction[end]();
      };
      await send('never', 'abort');
      await send('kept', 'commit');
    });
    const message = await until(() => channel.get(queue, { noAck: true }), 'the committed record');
    assert.equal(message.content.toString(), 'kept');
    assert.equal(await channel.get(queue), false);
  });
});

test('what was acknowledged is in the queue after kill -9, once', async () => {
  await connected((channel) => crossing(channel, 'ledger', { partitions: 2 }));
  const acknowledged = [];
  let next = 0;
  for (let life = 0; life < 4; life += 1) {
    await producing({ retry: { retries: 0 } }, async (producer) => {
      const killed = new Promise((resolve) => setTimeout(() => resolve(broker.kill()), 150 + life * 40));
      const alive = { yes: true };
      killed.then(() => { alive.yes = false; });
      while (alive.yes) {
        const values = Array.from({ length: 5 }, () => String(next++));
        try {
          const sent = producer.send({ topic: 'ledger', messages: values.map((value) => ({ key: value, value })) });
          sent.catch(() => {});
          await Promise.race([sent, killed.then(() => { throw new Error('killed'); })]);
          acknowledged.push(...values);
        } catch { break; }
      }
      await killed;
    }).catch(() => {});
    await broker.start();
  }
  await connected(async (channel) => {
    const got = [];
    for (;;) {
      const message = await channel.get('ledger.queue', { noAck: true });
      if (!message) break;
      got.push(message.content.toString());
    }
    assert.ok(acknowledged.length > 20, `only ${acknowledged.length} were acknowledged`);
    assert.equal(new Set(got).size, got.length, 'none twice');
    const missing = acknowledged.filter((value) => !got.includes(value));
    assert.deepEqual(missing, [], `${got.length} of ${next} came`);
  });
});

test('an exchange of what is no topic is refused', async () => {
  for (const [args, code] of [[{ 'x-anymq-from-topic': 'nowhere' }, 404], [{ 'x-anymq-from-topic': 'plain' }, 406], [{ 'x-anymq-from-topic': 7 }, 406]]) {
    const connection = await amqp.connect(broker.url);
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    await channel.assertQueue('plain');
    await assert.rejects(channel.assertExchange('x', 'fanout', { arguments: args }), { code });
    await connection.close();
  }
});

test('the program of the documentation: AMQP publish, Kafka group, AMQP dead letter, replay', async () => {
  const env = { ...process.env, NODE_PATH: NODE_MODULES.join(path.delimiter) };
  const { stdout } = await promisify(execFile)(process.execPath, [EXAMPLE, broker.url, broker.kafka], { env, timeout: 60000 });
  assert.deepEqual(stdout.trim().split('\n'), [
    'published 6 orders with AMQP',
    'a Kafka group has read them and written shipments',
    "order 3 was rejected in 'shipments'",
    "order 5 was rejected in 'shipments'",
    'delivered order-1: Ada, London',
    'delivered order-2: Linus, Helsinki',
    'delivered order-3: Postmaster',
    'delivered order-4: Grace, New York',
    'delivered order-5: Postmaster',
    'delivered order-6: Edsger, Austin',
    'replayed 6 orders from offset 0',
  ]);
});
