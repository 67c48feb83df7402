'use strict';
// Records in with kafkajs, and where they are.
const assert = require('node:assert');
const { test, before, after } = require('node:test');
const { CompressionTypes, Kafka, Partitioners, logLevel } = require('kafkajs');
const { start } = require('./broker');

let broker;
let kafka;
before(async () => {
  broker = await start();
  kafka = new Kafka({ brokers: [broker.kafka], logLevel: logLevel.ERROR, retry: { retries: 2 } });
});
after(async () => assert.equal(await broker.stop(), 0, 'it stops when it is asked to'));

async function using(client, body) {
  await client.connect();
  try {
    return await body(client);
  } finally {
    await client.disconnect();
  }
}

const producer = (options) => kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options });

test('batches get offsets one after the other, whatever their compression', async () => {
  await using(producer({ idempotent: true, maxInFlightRequests: 1 }), async (client) => {
    const offsets = [];
    for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
      const messages = [{ key: 'k', value: 'one', headers: { h: 'v' } }, { value: 'two' }];
      const [answer] = await client.send({ topic: 'batches', compression, messages });
      assert.equal(answer.errorCode, 0);
      offsets.push(answer.baseOffset);
    }
    assert.deepEqual(offsets, ['0', '2']);
  });
});

test('offsets are found by time', async () => {
  await using(producer(), (client) => client.send({
    topic: 'times',
    messages: [10000, 20000, 30000].map((timestamp) => ({ value: 'v', timestamp: String(timestamp) })),
  }));
  await using(kafka.admin(), async (admin) => {
    const at = async (time) => (await admin.fetchTopicOffsetsByTimestamp('times', time))[0].offset;
    assert.deepEqual([await at(1), await at(20000), await at(20001)], ['0', '1', '2']);
    const [{ low, high }] = await admin.fetchTopicOffsets('times');
    assert.deepEqual([low, high], ['0', '3']);
  });
});

test('records are deleted from the front', async () => {
  await using(producer(), (client) => client.send({ topic: 'front', messages: [{ value: 'a' }, { value: 'b' }] }));
  await using(kafka.admin(), async (admin) => {
    // kafkajs has to know the topic's leader before it deletes.
    await admin.fetchTopicOffsets('front');
    await admin.deleteTopicRecords({ topic: 'front', partitions: [{ partition: 0, offset: '1' }] });
    const [{ low, high }] = await admin.fetchTopicOffsets('front');
    assert.deepEqual([low, high], ['1', '2']);
  });
});

test('a group reads everything once, and goes on where it stopped', async () => {
  const topic = 'groups';
  await using(kafka.admin(), (admin) => admin.createTopics({ topics: [{ topic, numPartitions: 3 }] }));
  const send = (from) => using(producer(), (client) => client.send({
    topic, messages: Array.from({ length: 50 }, (_, n) => ({ key: String(from + n), value: String(from + n) })),
  }));
  const read = async (count) => {
    const values = [];
    await using(kafka.consumer({ groupId: 'readers' }), async (consumer) => {
      await consumer.subscribe({ topic, fromBeginning: true });
      await new Promise((resolve, reject) => {
        setTimeout(() => reject(new Error(`only ${values.length} of ${count} came`)), 60000).unref();
        consumer.run({
          eachMessage: async ({ message }) => {
            values.push(Number(message.value));
            if (values.length === count) resolve();
          },
        }).catch(reject);
      });
      await consumer.stop();
    });
    return values.sort((a, b) => a - b);
  };
  for (const from of [0, 50]) {
    await send(from);
    assert.deepEqual(await read(50), Array.from({ length: 50 }, (_, n) => from + n));
  }
});

test('the address told is the one dialled', async () => {
  await using(kafka.admin(), async (admin) => {
    const { brokers, controller } = await admin.describeCluster();
    assert.equal(brokers.length, 1);
    assert.equal(`${brokers[0].host}:${brokers[0].port}`, broker.kafka);
    assert.equal(controller, brokers[0].nodeId);
  });
});

test('a wrong password is told', async () => {
  const sasl = (password) => ({ mechanism: 'plain', username: 'guest', password });
  const options = { brokers: [broker.kafka], logLevel: logLevel.NOTHING, retry: { retries: 0 } };
  const named = new Kafka({ ...options, sasl: sasl('guest') });
  await using(named.admin(), (admin) => admin.listTopics());
  const wrong = new Kafka({ ...options, sasl: sasl('wrong') }).admin();
  await assert.rejects(wrong.connect(), { name: 'KafkaJSSASLAuthenticationError' });
  await wrong.disconnect();
});
