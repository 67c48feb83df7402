// Mixed persistent load over several queues, logged in ledgers: publishers with confirms and transactions, consumers that
// acknowledge, return, reject and forget.
'use strict';
const definitions = require('../node/node_modules/amqplib/lib/defs');
const { Ledger } = require('./ledger');

const WINDOW = 200;
const PREFETCH = 100;
const BARRIER_EVERY = 40;
const TX_BATCH = 3;
const HOLD = 0.1, RETURN = 0.05, REJECT = 0.15, TRANSIENT = 0.1;
const SIZES = [0, 0, 20, 100, 100, 1000, 20000];
const MARKER = 'crash.marker';
/** Kafka's producers write to it, AMQP's consumers read it. */
const CROSS = 'crash.cross';

/** The queues: `publish` says how messages get there. */
const QUEUES = [
  { name: 'crash.classic', publish: 'confirm' },
  { name: 'crash.quorum', publish: 'confirm', arguments: { 'x-queue-type': 'quorum', 'x-delivery-limit': -1 } },
  { name: 'crash.priority', publish: 'confirm', arguments: { 'x-max-priority': 5 }, levels: 5 },
  { name: 'crash.source', publish: 'confirm', arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'crash.dead' }, rejects: true },
  { name: 'crash.dead', publish: 'none', deadOf: 'crash.source' },
  { name: 'crash.transaction', publish: 'transaction' },
  { name: CROSS, publish: 'kafka' },
  { name: 'crash.fan-a', publish: 'fanout' },
  { name: 'crash.fan-b', publish: 'none', twinOf: 'crash.fan-a' },
];

class Load {
  constructor(random, violations, skip) {
    Object.assign(this, { random, life: 0, running: false, draining: false, stopPublishing: false });
    this.queues = QUEUES.filter(({ name }) => !skip.includes(name)).map((queue) => ({ ...queue }));
    for (const queue of this.queues) {
      const source = this.queues.find(({ name }) => name === queue.deadOf)?.ledger;
      // Rejected messages die in the order of their rejection, not of their publishing.
      queue.ledger = new Ledger(queue.name, violations, { source, ordered: !source });
    }
    for (const queue of this.queues.filter(({ twinOf }) => twinOf)) queue.twin = this.queue(queue.twinOf);
  }

  queue(name) { return this.queues.find((queue) => queue.name === name); }

  async declare(channel) {
    await channel.assertExchange('crash.fan', 'fanout', { durable: true });
    await channel.assertQueue(MARKER, { durable: true, maxLength: 1 });
    for (const queue of this.queues) await channel.assertQueue(queue.name, { durable: true, arguments: queue.arguments });
    for (const name of ['crash.fan-a', 'crash.fan-b']) await channel.bindQueue(name, 'crash.fan', '');
  }

  /** Begins one life: publishers on one connection, consumers on the other, until the connections end. */
  async begin(publishing, consuming) {
    this.life += 1;
    this.running = true;
    for (const queue of this.queues) queue.ledger.reborn();
    const setup = await publishing.createChannel();
    await this.declare(setup);
    const tasks = this.queues.map((queue) => this.consume(queue, consuming));
    if (!this.stopPublishing) {
      for (const queue of this.queues) {
        if (queue.publish === 'transaction') tasks.push(this.transact(queue, publishing));
        else if (!['none', 'kafka'].includes(queue.publish)) tasks.push(this.publish(queue, publishing));
      }
    }
    await Promise.all(tasks);
  }

  end() { this.running = false; }

  message(queue) {
    // All that Kafka writes is kept.
    const transient = queue.publish !== 'kafka' && this.random() < TRANSIENT;
    const level = queue.levels ? Math.floor(this.random() * queue.levels) : 0;
    const number = queue.ledger.send(transient);
    const twins = this.queues.filter(({ twin }) => twin === queue);
    for (const { ledger } of twins) ledger.send(transient);
    const size = SIZES[Math.floor(this.random() * SIZES.length)];
    return {
      number, body: Buffer.from(`${number} ${'x'.repeat(size)}`), options: { persistent: !transient, priority: level },
      confirm: () => { for (const { ledger } of [queue, ...twins]) ledger.confirm(number); },
    };
  }

  async publish(queue, connection) {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    let out = 0;
    const [exchange, key] = queue.publish === 'fanout' ? ['crash.fan', ''] : ['', queue.name];
    const more = () => {
      while (this.running && !this.stopPublishing && out < WINDOW) {
        const { body, options, confirm } = this.message(queue);
        out += 1;
        try {
          channel.publish(exchange, key, body, options, (error) => {
            out -= 1;
            if (error) return;
            confirm();
            if (out < WINDOW / 2) setImmediate(more);
          });
        } catch { return; }
        if (this.random() < 0.02) break;
      }
      if (this.running && !this.stopPublishing && out === 0) setImmediate(more);
    };
    more();
  }

  async transact(queue, connection) {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    // amqplib has no call for transactions; these are its own building blocks with the method numbers of the specification.
    await channel.rpc(definitions.TxSelect, {}, definitions.TxSelectOk);
    const loop = async () => {
      while (this.running && !this.stopPublishing) {
        const batch = Array.from({ length: TX_BATCH }, () => this.message(queue));
        for (const { body, options } of batch) channel.sendToQueue(queue.name, body, options);
        await channel.rpc(definitions.TxCommit, {}, definitions.TxCommitOk);
        for (const { confirm } of batch) confirm();
      }
    };
    loop().catch(() => {});
  }

  async consume(queue, connection) {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    await channel.prefetch(PREFETCH);
    const { ledger } = queue;
    const life = this.life;
    let pending = [];
    const held = [];
    const barrier = () => {
      const settled = pending;
      pending = [];
      if (!settled.length || !this.running) return;
      // An ack has no answer; a publish after it on its channel has: its confirm proves the ack is on disk too.
      try {
        channel.sendToQueue(MARKER, Buffer.from('.'), { persistent: true }, (error) => {
          if (!error) for (const number of settled) ledger.durable(number);
        });
      } catch { /* The connection is gone: what was settled stays unproved. */ }
    };
    const settle = (message, number) => {
      const dice = this.draining ? 1 : this.random();
      if (dice < HOLD && held.length < PREFETCH / 2) return held.push(message);
      if (dice < HOLD + RETURN) { ledger.giveBack(number); return channel.nack(message, false, true); }
      if (queue.rejects && dice < HOLD + RETURN + REJECT) {
        // A barrier proves nothing of it: the broker may have to read the message first, to dead-letter it.
        ledger.reject(number, life);
        channel.nack(message, false, false);
      } else {
        ledger.ack(number, life);
        channel.ack(message);
        pending.push(number);
      }
      if (pending.length >= BARRIER_EVERY) barrier();
      return undefined;
    };
    const timer = setInterval(() => { if (this.running) barrier(); else clearInterval(timer); }, 20);
    await channel.consume(queue.name, (message) => {
      if (!message) return;
      const number = Number.parseInt(message.content.toString('latin1', 0, 20), 10);
      const level = message.properties.priority ?? 0;
      ledger.deliver(number, { redelivered: message.fields.redelivered, life, level: queue.levels ? level : 0 });
      try { settle(message, number); } catch { /* The connection is gone. */ }
    });
  }

  /** Ready messages over all queues. */
  async backlog(channel) {
    let ready = 0;
    for (const { name } of this.queues) ready += (await channel.checkQueue(name)).messageCount;
    return ready;
  }

  totals() {
    const ledgers = this.queues.map(({ ledger }) => ledger);
    return { published: ledgers.reduce((sum, { next }) => sum + next, 0), delivered: ledgers.reduce((sum, { deliveries }) => sum + deliveries, 0) };
  }
}

module.exports = { CROSS, Load };
