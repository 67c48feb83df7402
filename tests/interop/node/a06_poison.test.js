'use strict';
// A6: with delivery-limit 5 a message that is always refused is seen at most 6 times, then dead-lettered with its reason.
// The policy `seed-poison` comes from definitions.json, which for a server that runs already must have been imported.
const assert = require('node:assert');
const { test } = require('node:test');
const { server, connect, holds, until, pause } = require('./harness');

test('a poison message ends in the dead letter queue', async () => {
  (await server()).importDefinitions?.();
  const channel = await (await connect()).createChannel();
  for (const queue of ['a06-poison', 'a06-poison.dead']) await channel.deleteQueue(queue);
  await channel.assertQueue('a06-poison.dead');
  await channel.assertQueue('a06-poison', { arguments: { 'x-queue-type': 'quorum' } });
  let seen = 0;
  await channel.consume('a06-poison', (message) => {
    if (!message) return;
    seen += 1;
    setImmediate(() => channel.nack(message, false, true));
  });
  channel.sendToQueue('a06-poison', Buffer.from('poison'), { persistent: true });
  await holds(channel, 'a06-poison.dead', 1);
  await pause(200);
  assert.equal(seen, 6);
  const dead = await channel.get('a06-poison.dead', { noAck: true });
  const [death] = dead.properties.headers['x-death'];
  assert.deepEqual([death.reason, death.queue, death.count], ['delivery_limit', 'a06-poison', 1]);
  for (const queue of ['a06-poison', 'a06-poison.dead']) await channel.deleteQueue(queue);
});

test('without a policy the limit is the queue type\'s: none for classic, 20 for quorum', async () => {
  const channel = await (await connect()).createChannel();
  for (const [type, limit] of [['classic', 60], ['quorum', 21]]) {
    const queue = `a06-default-${type}`;
    await channel.deleteQueue(queue);
    await channel.assertQueue(queue, { arguments: { 'x-queue-type': type } });
    let seen = 0;
    const { consumerTag } = await channel.consume(queue, (message) => {
      seen += 1;
      if (seen < 60) setImmediate(() => channel.nack(message, false, true));
      else channel.ack(message);
    });
    channel.sendToQueue(queue, Buffer.from('m'), { persistent: true });
    await until(() => seen >= limit, `${limit} deliveries from ${type}`);
    await pause(200);
    assert.equal(seen, limit, type);
    await channel.cancel(consumerTag);
    await channel.deleteQueue(queue);
  }
});
