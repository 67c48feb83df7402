'use strict';
// A16: competing consumers: each message once; with prefetch 1 and equal speed in turn.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, until, collect, pause, holds } = require('./harness');

test('three workers take turns', async () => {
  const channel = await (await connect()).createChannel();
  const { queue } = await channel.assertQueue(unique('task_queue'), { durable: true });
  const workers = [];
  for (let i = 0; i < 3; i++) {
    const worker = await (await connect()).createChannel();
    await worker.prefetch(1);
    workers.push({ channel: worker, messages: await collect(worker, queue) });
  }
  for (let i = 1; i <= 9; i++) channel.sendToQueue(queue, Buffer.from(String(i)), { persistent: true });
  // Equal speed: nobody acknowledges before all three hold one.
  for (let round = 1; round <= 3; round++) {
    await until(() => workers.every(({ messages }) => messages.length === round), `round ${round}`);
    for (const worker of workers) {
      worker.channel.ack(worker.messages.at(-1));
      if (round < 3) await until(() => worker.messages.length === round + 1, 'the next one');
    }
  }
  const got = workers.map(({ messages }) => messages.map((m) => Number(m.content)));
  assert.deepEqual(got, [[1, 4, 7], [2, 5, 8], [3, 6, 9]]);
  await channel.deleteQueue(queue);
});

test('five workers, nine messages: each exactly once', async () => {
  const channel = await (await connect()).createChannel();
  const { queue } = await channel.assertQueue(unique('task_queue'), { durable: true });
  const all = [];
  for (let i = 0; i < 5; i++) {
    const worker = await (await connect()).createChannel();
    await worker.prefetch(1);
    await worker.consume(queue, async (message) => {
      if (!message) return;
      all.push(Number(message.content));
      await pause(5);
      worker.ack(message);
    });
  }
  for (let i = 1; i <= 9; i++) channel.sendToQueue(queue, Buffer.from(String(i)), { persistent: true });
  await until(() => all.length >= 9, 'nine deliveries');
  await holds(channel, queue, 0);
  await pause(100);
  assert.deepEqual(all.sort((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  await channel.deleteQueue(queue);
});
