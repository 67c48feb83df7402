'use strict';
// A17: with x-max-priority a high message overtakes a hundred low ones.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, holds } = require('./harness');

test('high after 100 low is next', async () => {
  const channel = await (await connect()).createChannel();
  const { queue } = await channel.assertQueue(unique('a17'), { maxPriority: 10 });
  for (let i = 0; i < 100; i++) channel.sendToQueue(queue, Buffer.from(`low ${i}`), { priority: 1 });
  channel.sendToQueue(queue, Buffer.from('high'), { priority: 10 });
  await holds(channel, queue, 101);
  const order = [];
  for (let message; (message = await channel.get(queue, { noAck: true }));) order.push(message.content.toString());
  assert.deepEqual(order, ['high', ...Array.from({ length: 100 }, (_, i) => `low ${i}`)]);
  await channel.deleteQueue(queue);
});
