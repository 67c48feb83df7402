'use strict';
// A7: a direct exchange routes by exact key; unroutable and mandatory comes back as 312.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, holds, ready, until } = require('./harness');

test('key k reaches only the queue bound with k', async () => {
  const channel = await (await connect()).createConfirmChannel();
  const exchange = unique('a07');
  await channel.assertExchange(exchange, 'direct');
  const keys = ['order.created', 'order', 'ORDER.CREATED'];
  for (const key of keys) {
    await channel.assertQueue(`${exchange}.${key}`);
    await channel.bindQueue(`${exchange}.${key}`, exchange, key);
  }
  channel.publish(exchange, 'order.created', Buffer.from('m'));
  await channel.waitForConfirms();
  await holds(channel, `${exchange}.order.created`, 1);
  for (const key of keys.slice(1)) assert.equal(await ready(channel, `${exchange}.${key}`), 0);
  const returned = [];
  channel.on('return', (message) => returned.push(message));
  channel.publish(exchange, 'nobody', Buffer.from('back'), { mandatory: true, messageId: 'x' });
  await channel.waitForConfirms();
  await until(() => returned.length === 1, 'basic.return');
  assert.deepEqual([returned[0].fields.replyCode, returned[0].fields.replyText, returned[0].fields.routingKey, returned[0].properties.messageId],
    [312, 'NO_ROUTE', 'nobody', 'x']);
  for (const key of keys) await channel.deleteQueue(`${exchange}.${key}`);
  await channel.deleteExchange(exchange);
});
