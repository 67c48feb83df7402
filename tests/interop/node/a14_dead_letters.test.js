'use strict';
// A14: each way to die dead-letters with its reason; original exchange and keys are kept.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, holds, until } = require('./harness');

const WAYS = {
  rejected: { options: {}, kill: async (channel, queue) => channel.reject(await until(() => channel.get(queue), 'message'), false) },
  expired: { options: { messageTtl: 100 }, kill: async () => {} },
  maxlen: { options: { maxLength: 1 }, kill: async (channel, queue, publish) => publish('second') },
  delivery_limit: {
    options: { arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': 1 } },
    kill: async (channel, queue) => {
      for (let i = 0; i < 2; i++) channel.nack(await until(() => channel.get(queue), 'message'), false, true);
    },
  },
};

for (const [reason, { options, kill }] of Object.entries(WAYS)) {
  test(reason, async () => {
    const channel = await (await connect()).createConfirmChannel();
    const name = unique('a14');
    await channel.assertExchange(name, 'topic');
    await channel.assertExchange(`${name}.dlx`, 'fanout');
    await channel.assertQueue(`${name}.dead`);
    await channel.bindQueue(`${name}.dead`, `${name}.dlx`, '');
    await channel.assertQueue(name, { ...options, deadLetterExchange: `${name}.dlx` });
    await channel.bindQueue(name, name, 'order.#');
    const publish = async (body) => {
      channel.publish(name, 'order.created', Buffer.from(body), { persistent: true, headers: { mine: 'kept' } });
      await channel.waitForConfirms();
    };
    await publish('first');
    await kill(channel, name, publish);
    await holds(channel, `${name}.dead`, 1);
    const dead = await channel.get(`${name}.dead`, { noAck: true });
    assert.equal(dead.content.toString(), 'first');
    assert.equal(dead.fields.routingKey, 'order.created');
    const { headers } = dead.properties;
    const [death] = headers['x-death'];
    assert.deepEqual([death.reason, death.count, death.queue, death.exchange, death['routing-keys']], [reason, 1, name, name, ['order.created']]);
    assert.deepEqual([headers['x-first-death-reason'], headers['x-first-death-queue'], headers['x-first-death-exchange'], headers.mine],
      [reason, name, name, 'kept']);
    for (const queue of [name, `${name}.dead`]) await channel.deleteQueue(queue);
    for (const exchange of [name, `${name}.dlx`]) await channel.deleteExchange(exchange);
  });
}
