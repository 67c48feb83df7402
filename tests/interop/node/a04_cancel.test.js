'use strict';
// A4: the consume callback gets null when the broker cancels the consumer, as when its queue is deleted.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, collect, until } = require('./harness');

test('deleting the queue hands null to the callback', async () => {
  const connection = await connect();
  const channel = await connection.createChannel();
  const other = await connection.createChannel();
  const queue = unique('a04');
  await channel.assertQueue(queue);
  const messages = await collect(channel, queue);
  await other.deleteQueue(queue);
  await until(() => messages.length === 1, 'the cancel');
  assert.equal(messages[0], null);
  await channel.assertQueue(queue);
  await channel.deleteQueue(queue);
});
