'use strict';
// A5: ack, nack with and without requeue; a requeued message comes again near the head with redelivered set; acks survive a restart.
const assert = require('node:assert');
const { test } = require('node:test');
const { Broker, amqp, connect, needsOwnBroker, unique, holds, collect, until, bodies } = require('./harness');

test('nack(requeue) redelivers at its place with redelivered set', async () => {
  const channel = await (await connect()).createChannel();
  const { queue } = await channel.assertQueue(unique('a05'));
  for (const body of ['1', '2', '3']) channel.sendToQueue(queue, Buffer.from(body));
  await holds(channel, queue, 3);
  const first = await channel.get(queue);
  assert.equal(first.fields.redelivered, false);
  channel.nack(first, false, true);
  await holds(channel, queue, 3);
  const again = await channel.get(queue);
  assert.deepEqual([again.content.toString(), again.fields.redelivered], ['1', true]);
  channel.ack(again);
  await channel.deleteQueue(queue);
});

test('nack without requeue drops, ack removes, noAck keeps nothing', async () => {
  const channel = await (await connect()).createChannel();
  const { queue } = await channel.assertQueue(unique('a05'));
  for (const body of ['1', '2', '3']) channel.sendToQueue(queue, Buffer.from(body));
  await holds(channel, queue, 3);
  channel.nack(await channel.get(queue), false, false);
  channel.ack(await channel.get(queue));
  await channel.get(queue, { noAck: true });
  await channel.recover();
  assert.equal(await channel.get(queue), false);
  await channel.deleteQueue(queue);
});

test('settled messages stay settled over kill -9', { skip: needsOwnBroker }, async () => {
  const broker = await new Broker().start();
  let connection = await amqp.connect(broker.url);
  connection.on('error', () => {});
  let channel = await connection.createConfirmChannel();
  await channel.assertQueue('a05');
  for (let i = 0; i < 20; i++) channel.sendToQueue('a05', Buffer.from(String(i)), { persistent: true });
  await channel.waitForConfirms();
  const messages = await collect(channel, 'a05');
  await until(() => messages.length === 20, '20 deliveries');
  for (const message of messages.slice(0, 10)) channel.ack(message);
  // An ack has no answer. One that is followed by a confirmed publish on its channel is on disk with it.
  channel.sendToQueue('a05', Buffer.from('marker'), { persistent: true });
  await channel.waitForConfirms();
  await broker.kill();
  await broker.start();
  connection = await amqp.connect(broker.url);
  channel = await connection.createChannel();
  const again = await collect(channel, 'a05', { ack: true });
  await until(() => again.length === 11, 'what was not acknowledged');
  assert.deepEqual(bodies(again), [...Array.from({ length: 10 }, (_, i) => String(i + 10)), 'marker']);
  await connection.close();
  await broker.stop();
});
