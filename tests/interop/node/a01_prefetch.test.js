'use strict';
// A1: prefetch 10, 100 ready messages, one consumer that acknowledges nothing: 10 unacknowledged, 90 ready, everywhere it is shown.
const assert = require('node:assert');
const { test } = require('node:test');
const { server, connect, unique, holds, collect, until, fetchText, pause, ready } = require('./harness');

test('exactly 10 of 100 are out', async () => {
  const { metrics } = await server();
  const connection = await connect();
  const channel = await connection.createChannel();
  const queue = unique('a01');
  await channel.assertQueue(queue);
  for (let i = 0; i < 100; i++) channel.sendToQueue(queue, Buffer.from(String(i)));
  await holds(channel, queue, 100);
  await channel.prefetch(10);
  const messages = await collect(channel, queue);
  await until(() => messages.length === 10, '10 deliveries');
  await pause(200);
  assert.equal(messages.length, 10);
  assert.equal(await ready(channel, queue), 90);
  if (metrics) {
    const value = (text, name) => {
      const line = text.split('\n').find((l) => l.startsWith(`${name}{`) && l.includes(`queue="${queue}"`));
      return line && Number(line.split('} ')[1]);
    };
    await until(async () => {
      const text = await fetchText(`${metrics}/metrics/per-object`);
      return value(text, 'rabbitmq_queue_messages_ready') === 90 && value(text, 'rabbitmq_queue_messages_unacked') === 10
        && value(text, 'rabbitmq_queue_messages') === 100;
    }, 'metrics show 90 ready and 10 unacknowledged', 15000);
  }
  channel.ackAll();
  await until(() => messages.length === 20, 'ten more after acknowledging');
  await channel.deleteQueue(queue);
});
