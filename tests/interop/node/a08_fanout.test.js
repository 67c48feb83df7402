'use strict';
// A8: one publish to a fanout exchange is one message in each bound queue.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, holds } = require('./harness');

test('user-events reaches three queues once each', async () => {
  const channel = await (await connect()).createConfirmChannel();
  const exchange = unique('user-events');
  const queues = ['email-notifications', 'analytics-events', 'audit-logs'].map(unique);
  await channel.assertExchange(exchange, 'fanout', { durable: true });
  for (const queue of queues) {
    await channel.assertQueue(queue, { durable: true });
    await channel.bindQueue(queue, exchange, '');
  }
  channel.publish(exchange, 'ignored', Buffer.from('{"user":1}'), { persistent: true });
  await channel.waitForConfirms();
  for (const queue of queues) {
    await holds(channel, queue, 1);
    assert.equal((await channel.get(queue, { noAck: true })).content.toString(), '{"user":1}');
    await channel.deleteQueue(queue);
  }
  await channel.deleteExchange(exchange);
});
