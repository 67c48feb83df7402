'use strict';
// A12: a confirm means on disk: kill -9 right after the callback, restart, the message is there. A12_ROUNDS rounds (5).
const assert = require('node:assert');
const { test } = require('node:test');
const { Broker, amqp, connect, needsOwnBroker, unique } = require('./harness');

test('every publish gets its callback', async () => {
  const channel = await (await connect()).createConfirmChannel();
  const { queue } = await channel.assertQueue(unique('a12'));
  let confirmed = 0;
  for (let i = 0; i < 1000; i++) {
    channel.sendToQueue(queue, Buffer.from(String(i)), { persistent: true }, (error) => { assert.ifError(error); confirmed += 1; });
  }
  await channel.waitForConfirms();
  assert.equal(confirmed, 1000);
  await channel.deleteQueue(queue);
});

test('confirmed, then killed: still there', { skip: needsOwnBroker }, async () => {
  const broker = await new Broker().start();
  const rounds = Number(process.env.A12_ROUNDS || 5);
  for (let round = 0; round < rounds; round++) {
    const connection = await amqp.connect(broker.url);
    connection.on('error', () => {});
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue('a12', { durable: true });
    const body = `round ${round}`;
    await new Promise((resolve, reject) => {
      channel.sendToQueue('a12', Buffer.from(body), { persistent: true }, (error) => {
        if (error) return reject(error);
        broker.process.kill('SIGKILL');
        return resolve();
      });
    });
    await broker.exited;
    await broker.start();
    const again = await amqp.connect(broker.url);
    const reader = await again.createChannel();
    const message = await reader.get('a12', { noAck: true });
    assert.equal(message && message.content.toString(), body);
    await again.close();
  }
  await broker.stop();
});
