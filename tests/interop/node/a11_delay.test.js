'use strict';
// A11: the delayed queue built of a TTL and a dead letter exchange; here a short TTL is not held up by a longer one before it.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, collect, until } = require('./harness');

async function delayedQueue(channel, prefix) {
  await channel.assertExchange(`${prefix}.process.exchange`, 'direct');
  await channel.assertExchange(`${prefix}.delayed.exchange`, 'direct');
  await channel.assertQueue(`${prefix}.process.queue`);
  await channel.bindQueue(`${prefix}.process.queue`, `${prefix}.process.exchange`, 'process');
  await channel.assertQueue(`${prefix}.delayed.queue`, { deadLetterExchange: `${prefix}.process.exchange`, deadLetterRoutingKey: 'process' });
  await channel.bindQueue(`${prefix}.delayed.queue`, `${prefix}.delayed.exchange`, 'delayed');
  return (body, expiration) => channel.publish(`${prefix}.delayed.exchange`, 'delayed', Buffer.from(body), { expiration });
}

async function remove(channel, prefix) {
  for (const name of ['process', 'delayed']) {
    await channel.deleteQueue(`${prefix}.${name}.queue`);
    await channel.deleteExchange(`${prefix}.${name}.exchange`);
  }
}

test('expiration 2000 arrives after 2.0 s', async () => {
  const channel = await (await connect()).createChannel();
  const prefix = unique('a11');
  const publish = await delayedQueue(channel, prefix);
  const messages = await collect(channel, `${prefix}.process.queue`, { ack: true });
  const begin = Date.now();
  publish('later', '2000');
  await until(() => messages.length === 1, 'the delayed message');
  const took = Date.now() - begin;
  assert.ok(took >= 1990 && took <= 2300, `took ${took} ms`);
  const [death] = messages[0].properties.headers['x-death'];
  assert.deepEqual([death.reason, death.count, death.queue, death['original-expiration']], ['expired', 1, `${prefix}.delayed.queue`, '2000']);
  assert.equal(messages[0].properties.expiration, undefined);
  await remove(channel, prefix);
});

test('1 s behind 4 s arrives after 1 s', { skip: process.env.AMQP_URL ? 'AnyMQ only: RabbitMQ expires at the head' : undefined }, async () => {
  const channel = await (await connect()).createChannel();
  const prefix = unique('a11');
  const publish = await delayedQueue(channel, prefix);
  const messages = await collect(channel, `${prefix}.process.queue`, { ack: true });
  const begin = Date.now();
  publish('slow', '4000');
  publish('fast', '1000');
  await until(() => messages.length === 1, 'the first');
  const took = Date.now() - begin;
  assert.equal(messages[0].content.toString(), 'fast');
  assert.ok(took >= 990 && took <= 1300, `took ${took} ms`);
  await until(() => messages.length === 2, 'the second');
  assert.equal(messages[1].content.toString(), 'slow');
  await remove(channel, prefix);
});
