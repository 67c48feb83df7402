'use strict';
// A18: TTL per queue and per message: what has expired is never delivered and stops counting, with nobody consuming.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, holds, collect, pause, bodies, until } = require('./harness');

for (const [name, options, properties] of [['queue', { messageTtl: 200 }, {}], ['message', {}, { expiration: '200' }]]) {
  test(`TTL of the ${name}`, async () => {
    const channel = await (await connect()).createChannel();
    const { queue } = await channel.assertQueue(unique('a18'), options);
    for (let i = 0; i < 50; i++) channel.sendToQueue(queue, Buffer.from(String(i)), { ...properties, persistent: true });
    await holds(channel, queue, 50);
    await holds(channel, queue, 0);
    const messages = await collect(channel, queue, { ack: true });
    await pause(100);
    assert.deepEqual(bodies(messages), []);
    await channel.deleteQueue(queue);
  });
}

test('in time is delivered, late is not', async () => {
  const channel = await (await connect()).createConfirmChannel();
  const { queue } = await channel.assertQueue(unique('a18'));
  channel.sendToQueue(queue, Buffer.from('late'), { expiration: '100' });
  channel.sendToQueue(queue, Buffer.from('in time'), { expiration: '60000' });
  await channel.waitForConfirms();
  await holds(channel, queue, 1);
  const messages = await collect(channel, queue, { ack: true });
  await until(() => messages.length === 1, 'the one in time');
  assert.deepEqual(bodies(messages), ['in time']);
  await channel.deleteQueue(queue);
});
