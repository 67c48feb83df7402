'use strict';
// A13: what is durable survives a restart, what is not does not; declaring with other arguments is refused and says which and how.
const assert = require('node:assert');
const { test } = require('node:test');
const { Broker, amqp, connect, needsOwnBroker, unique, ready } = require('./harness');

const exists = async (connection, queue) => {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  return channel.checkQueue(queue).then(() => true, () => false);
};

for (const how of ['stop', 'kill']) {
  test(`durable and persistent survive ${how}`, { skip: needsOwnBroker }, async () => {
    const broker = await new Broker().start();
    let connection = await amqp.connect(broker.url);
    connection.on('error', () => {});
    let channel = await connection.createConfirmChannel();
    await channel.assertQueue('durable', { durable: true });
    await channel.assertQueue('transient', { durable: false });
    await channel.assertExchange('kept', 'topic', { durable: true });
    await channel.bindQueue('durable', 'kept', 'a.#');
    for (const queue of ['durable', 'transient']) {
      channel.sendToQueue(queue, Buffer.from('persistent'), { persistent: true });
      channel.sendToQueue(queue, Buffer.from('transient'), { persistent: false });
    }
    await channel.waitForConfirms();
    await broker[how]();
    await broker.start();
    connection = await amqp.connect(broker.url);
    connection.on('error', () => {});
    channel = await connection.createConfirmChannel();
    assert.equal((await channel.get('durable', { noAck: true })).content.toString(), 'persistent');
    assert.equal(await ready(channel, 'durable'), 0);
    assert.equal(await exists(connection, 'transient'), false);
    channel.publish('kept', 'a.b', Buffer.from('routed'));
    await channel.waitForConfirms();
    assert.equal((await channel.get('durable', { noAck: true })).content.toString(), 'routed');
    await connection.close();
    await broker.stop();
  });
}

test('other arguments: 406 that names the argument and both values', async () => {
  const connection = await connect();
  const setup = await connection.createChannel();
  const queue = unique('a13');
  await setup.assertQueue(queue, { durable: true, messageTtl: 1000 });
  for (const [options, text] of [
    [{ durable: false, messageTtl: 1000 }, /inequivalent arg 'durable' for queue '.*' in vhost '\/': received 'false' but current is 'true'/],
    [{ durable: true, messageTtl: 2000 }, /inequivalent arg 'x-message-ttl' for queue '.*' in vhost '\/': received '2000' but current is '1000'/],
  ]) {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    await assert.rejects(channel.assertQueue(queue, options), (error) => error.code === 406 && text.test(error.message));
  }
  await setup.deleteQueue(queue);
});
