'use strict';
// A10: the headers exchange's truth table.
const assert = require('node:assert');
const { test } = require('node:test');
const { connect, unique } = require('./harness');

const TABLE = [
  // binding arguments, message headers, routed?
  [{ 'x-match': 'all', format: 'pdf', type: 'report' }, { format: 'pdf', type: 'report', extra: 1 }, true],
  [{ 'x-match': 'all', format: 'pdf', type: 'report' }, { format: 'pdf' }, false],
  [{ 'x-match': 'any', format: 'pdf', type: 'report' }, { format: 'pdf', type: 'log' }, true],
  [{ 'x-match': 'any', format: 'pdf', type: 'report' }, { format: 'zip', type: 'log' }, false],
  [{ 'x-match': 'all', 'x-tenant': 'a', type: 'report' }, { type: 'report' }, true],
  [{ 'x-match': 'all-with-x', 'x-tenant': 'a', type: 'report' }, { type: 'report' }, false],
  [{ 'x-match': 'all-with-x', 'x-tenant': 'a', type: 'report' }, { type: 'report', 'x-tenant': 'a' }, true],
  [{ 'x-match': 'any-with-x', 'x-tenant': 'a', type: 'report' }, { 'x-tenant': 'a' }, true],
  [{ 'x-match': 'any', 'x-tenant': 'a', type: 'report' }, { 'x-tenant': 'a' }, false],
];

test('every row', async () => {
  const channel = await (await connect()).createConfirmChannel();
  for (const [index, [binding, headers, routed]] of TABLE.entries()) {
    const exchange = unique('a10');
    await channel.assertExchange(exchange, 'headers');
    await channel.assertQueue(exchange);
    await channel.bindQueue(exchange, exchange, '', binding);
    channel.publish(exchange, '', Buffer.from('m'), { headers });
    await channel.waitForConfirms();
    assert.equal(Boolean(await channel.get(exchange, { noAck: true })), routed, `row ${index}`);
    await channel.deleteQueue(exchange);
    await channel.deleteExchange(exchange);
  }
});
