'use strict';
// A15: 1000 concurrent requests, each gets its own answer: over a reply queue and over amq.rabbitmq.reply-to.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, until } = require('./harness');

const REQUESTS = 1000;

async function serve(connection, queue) {
  const channel = await connection.createChannel();
  await channel.assertQueue(queue, { durable: false });
  await channel.prefetch(50);
  await channel.consume(queue, (message) => {
    if (!message) return;
    const { replyTo, correlationId } = message.properties;
    channel.sendToQueue(replyTo, Buffer.from(String(Number(message.content) ** 2)), { correlationId });
    channel.ack(message);
  });
  return channel;
}

for (const direct of [false, true]) {
  test(direct ? 'amq.rabbitmq.reply-to' : 'an exclusive reply queue', async () => {
    const queue = unique('a15');
    const servers = [await serve(await connect(), queue), await serve(await connect(), queue)];
    const channel = await (await connect()).createChannel();
    const replyTo = direct ? 'amq.rabbitmq.reply-to' : (await channel.assertQueue('', { exclusive: true })).queue;
    const answers = new Map();
    let repeated = 0;
    await channel.consume(replyTo, (message) => {
      if (answers.has(message.properties.correlationId)) repeated += 1;
      answers.set(message.properties.correlationId, Number(message.content));
    }, { noAck: true });
    for (let i = 0; i < REQUESTS; i++) channel.sendToQueue(queue, Buffer.from(String(i)), { correlationId: `c${i}`, replyTo });
    await until(() => answers.size === REQUESTS, `${REQUESTS} answers`, 30000);
    for (let i = 0; i < REQUESTS; i++) assert.equal(answers.get(`c${i}`), i * i);
    assert.equal(repeated, 0);
    await servers[0].deleteQueue(queue);
  });
}
