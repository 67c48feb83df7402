'use strict';
// A9: topic patterns with * and #.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique, ready, holds } = require('./harness');

const CASES = [
  { name: 'logs', bindings: { 'critical-alerts': '*.critical', 'app-logs': 'app.*', 'all-logs': '#' }, publish: ['app.critical', 'app.info'],
    expect: { 'critical-alerts': 1, 'app-logs': 2, 'all-logs': 2 } },
  { name: 'orders', bindings: { exact: 'order.created', orders: 'order.*', created: '*.created', other: 'payment.*' }, publish: ['order.created'],
    expect: { exact: 1, orders: 1, created: 1, other: 0 } },
];

for (const row of CASES) {
  test(row.name, async () => {
    const channel = await (await connect()).createConfirmChannel();
    const exchange = unique(row.name);
    await channel.assertExchange(exchange, 'topic');
    for (const [queue, pattern] of Object.entries(row.bindings)) {
      await channel.assertQueue(`${exchange}.${queue}`);
      await channel.bindQueue(`${exchange}.${queue}`, exchange, pattern);
    }
    for (const key of row.publish) channel.publish(exchange, key, Buffer.from(key));
    await channel.waitForConfirms();
    for (const [queue, count] of Object.entries(row.expect)) {
      await holds(channel, `${exchange}.${queue}`, count);
      assert.equal(await ready(channel, `${exchange}.${queue}`), count, queue);
      await channel.deleteQueue(`${exchange}.${queue}`);
    }
    await channel.deleteExchange(exchange);
  });
}
