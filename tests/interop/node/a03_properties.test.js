'use strict';
// A3: properties round-trip bit for bit, among them `timestamp: Date.now()`: milliseconds in a field meant for seconds.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, collect, until } = require('./harness');

test('all properties come back as they were sent', async () => {
  const connection = await connect();
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue(unique('a03'), { durable: true });
  const sent = {
    contentType: 'application/json', contentEncoding: 'utf-8', persistent: true, messageId: 'order-1', timestamp: Date.now(), priority: 7,
    correlationId: 'c', replyTo: 'r', expiration: '600000', type: 'order.created', appId: 'shop', userId: 'guest',
    headers: { text: 'grüße', int: 42, big: 2 ** 40, float: 1.5, yes: true, no: false, nothing: null, list: [1, 'two', { three: 3 }],
      table: { inner: { deep: 1 } }, bytes: Buffer.from([0, 206, 255]) },
  };
  const body = Buffer.from(JSON.stringify({ id: 1, text: 'ünïcode' }));
  channel.sendToQueue(queue, body, sent);
  const messages = await collect(channel, queue, { ack: true });
  const [message] = await until(() => messages.length && messages, 'delivery');
  assert.deepEqual(message.content, body);
  const { persistent, ...fields } = sent;
  for (const [name, value] of Object.entries(fields)) assert.deepEqual(message.properties[name], value, name);
  assert.equal(message.properties.deliveryMode, 2);
  await channel.deleteQueue(queue);
});
