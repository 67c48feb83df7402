'use strict';
// A2: a program that reconnects after errors goes on after kill -9; nothing confirmed is lost; a graceful stop says 320.
const assert = require('node:assert');
const { test } = require('node:test');
const { Broker, amqp, needsOwnBroker, until, pause } = require('./harness');

/** Publishes numbered messages with confirms, reconnecting for ever; remembers what was confirmed. */
class Publisher {
  constructor(url, queue) { Object.assign(this, { url, queue, next: 0, confirmed: [], running: true }); }

  async run() {
    while (this.running) {
      let connection;
      try {
        connection = await amqp.connect(this.url);
        const lost = new Promise((resolve) => connection.once('close', resolve));
        connection.on('error', () => {});
        const channel = await connection.createConfirmChannel();
        channel.on('error', () => {});
        await channel.assertQueue(this.queue, { durable: true });
        while (this.running) {
          const number = this.next++;
          const confirm = new Promise((resolve, reject) => {
            channel.sendToQueue(this.queue, Buffer.from(String(number)), { persistent: true }, (err) => (err ? reject(err) : resolve('ok')));
          });
          if (await Promise.race([confirm, lost]) !== 'ok') break;
          this.confirmed.push(number);
        }
      } catch {
        // The broker is away: the usual answer is to wait and connect again.
      }
      await connection?.close().catch(() => {});
      if (this.running) await pause(50);
    }
  }
}

test('kill -9 under load: resumes, 0 confirmed lost', { skip: needsOwnBroker }, async () => {
  const broker = await new Broker().start();
  const publisher = new Publisher(broker.url, 'a02');
  const running = publisher.run();
  for (let round = 1; round <= 3; round++) {
    const before = publisher.confirmed.length;
    await until(() => publisher.confirmed.length > before + 200, `200 confirms in round ${round}`, 20000);
    await broker.kill();
    await broker.start();
  }
  const after = publisher.confirmed.length;
  await until(() => publisher.confirmed.length > after + 50, 'the program goes on');
  publisher.running = false;
  await running;
  const connection = await amqp.connect(broker.url);
  const channel = await connection.createChannel();
  const found = new Set();
  for (let message; (message = await channel.get('a02', { noAck: true }));) found.add(Number(message.content));
  assert.deepEqual(publisher.confirmed.filter((number) => !found.has(number)), []);
  await connection.close();
  await broker.stop();
});

test('a graceful stop closes connections with 320', { skip: needsOwnBroker }, async () => {
  const broker = await new Broker().start();
  const connection = await amqp.connect(broker.url);
  // amqplib takes 320 for an orderly end: 'close' with the error, no 'error'.
  const closed = new Promise((resolve) => connection.once('close', resolve));
  connection.on('error', () => {});
  const status = await broker.stop();
  assert.equal(status, 0);
  assert.match(String((await closed)?.message), /320/);
});
