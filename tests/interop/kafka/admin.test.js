'use strict';
// Topics and their settings with kafkajs' admin client.
const assert = require('node:assert');
const { test, before, after } = require('node:test');
const { ConfigResourceTypes, Kafka, logLevel } = require('kafkajs');
const { start } = require('./broker');

let broker;
let admin;
before(async () => {
  broker = await start();
  const kafka = new Kafka({ brokers: [broker.kafka], logLevel: logLevel.NOTHING, retry: { retries: 2 } });
  admin = kafka.admin();
  await admin.connect();
});
after(async () => {
  await admin.disconnect();
  assert.equal(await broker.stop(), 0, 'it stops when it is asked to');
});

const create = (topic, more) => admin.createTopics({ topics: [{ topic, ...more }] });

/** What the server said to a call that it refused: the error's type, of the call or of its first topic; kafkajs tries some again first. */
async function refused(call) {
  const error = await call.then(() => assert.fail('it was accepted'), (e) => e);
  return (error.errors?.[0] ?? error.cause ?? error).type;
}

test('topics are created once, listed, described, grown and deleted', async () => {
  assert.equal(await create('a', { numPartitions: 3 }), true);
  assert.equal(await create('a'), false, 'kafkajs says so where the topic exists');
  assert.ok((await admin.listTopics()).includes('a'));
  const { topics: [topic] } = await admin.fetchTopicMetadata({ topics: ['a'] });
  assert.deepEqual(topic.partitions.map((p) => p.partitionId).sort(), [0, 1, 2]);
  await admin.createPartitions({ topicPartitions: [{ topic: 'a', count: 5 }] });
  const { topics: [grown] } = await admin.fetchTopicMetadata({ topics: ['a'] });
  assert.equal(grown.partitions.length, 5);
  await admin.deleteTopics({ topics: ['a'] });
  assert.ok(!(await admin.listTopics()).includes('a'));
});

test('what cannot be is refused by its name', async () => {
  await create('there', { numPartitions: 2 });
  const entry = (name, value) => ({ configEntries: [{ name, value }] });
  assert.equal(await refused(create('a b')), 'INVALID_TOPIC_EXCEPTION');
  assert.equal(await refused(create('b', { numPartitions: 0 })), 'INVALID_PARTITIONS');
  assert.equal(await refused(create('b', { replicationFactor: 3 })), 'INVALID_REPLICATION_FACTOR');
  assert.equal(await refused(create('b', entry('retention.ms', 'soon'))), 'INVALID_CONFIG');
  assert.equal(await refused(create('b', entry('no.such', '1'))), 'INVALID_CONFIG');
  const shrink = { topicPartitions: [{ topic: 'there', count: 1 }] };
  assert.equal(await refused(admin.createPartitions(shrink)), 'INVALID_PARTITIONS');
  assert.equal(await refused(admin.deleteTopics({ topics: ['nowhere'] })), 'UNKNOWN_TOPIC_OR_PARTITION');
  assert.ok(!(await admin.listTopics()).includes('b'));
});

test('settings are read and replaced', async () => {
  await create('set', { configEntries: [{ name: 'cleanup.policy', value: 'compact' }] });
  const resource = { type: ConfigResourceTypes.TOPIC, name: 'set' };
  const read = async (name) => {
    const { resources: [answer] } = await admin.describeConfigs({ resources: [{ ...resource, configNames: [name] }] });
    const { configValue, configSource } = answer.configEntries[0];
    return [configValue, configSource];
  };
  assert.deepEqual(await read('cleanup.policy'), ['compact', 1]);
  assert.deepEqual(await read('retention.ms'), ['604800000', 5]);
  const alter = (name, value) =>
    admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries: [{ name, value }] }] });
  await alter('retention.ms', '1000');
  assert.deepEqual(await read('retention.ms'), ['1000', 1]);
  assert.deepEqual(await read('cleanup.policy'), ['delete', 5], 'what is not named goes back to its default');
  assert.equal(await refused(alter('retention.ms', '-2')), 'INVALID_CONFIG');
});

test('there is one broker, which is the controller', async () => {
  const { brokers, controller } = await admin.describeCluster();
  assert.deepEqual(brokers.map((b) => b.nodeId), [controller]);
  const resource = { type: ConfigResourceTypes.BROKER, name: String(controller), configNames: ['advertised.listeners'] };
  const { resources: [answer] } = await admin.describeConfigs({ resources: [resource] });
  assert.equal(answer.configEntries[0].configValue, `PLAINTEXT://${broker.kafka}`);
});
