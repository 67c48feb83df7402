#!/usr/bin/env node
// The kill -9 harness: load, SIGKILL at a random moment, restart; at the end everything is drained and the log is checked.
//
//   ANYMQ_BIN=target/release/anymq node crash.js [--rounds 10] [--seed N] [--skip QUEUE]      (--skip kafka: AMQP alone)
//
// Any other server: CRASH_START and CRASH_KILL are shell commands, AMQP_URL says where it listens.
// A violation: a confirmed message lost, a settled one resurrected (its settling was proved to be on disk), one delivered twice
// without cause or without the redelivered flag, publishers' order broken, a message that nobody published, an offset of a topic
// that has meant two records.
'use strict';
const { execSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const { Broker, amqp, pause, until } = require('../node/broker');
const { Violations } = require('./ledger');
const { CROSS, Load } = require('./load');
const { Topics } = require('./topics');

const KILL_AFTER_MS = [50, 700];
const KILL_IN_RECOVERY = 0.15, STOP_POLITELY = 0.05;
const READ_TOPICS = 0.1;
const DRAIN_MS = 120000;

/** A server that is controlled by commands. */
class CommandBroker {
  constructor() { this.url = process.env.AMQP_URL; }
  async start() { execSync(process.env.CRASH_START, { stdio: 'ignore' }); return this; }
  async kill() { execSync(process.env.CRASH_KILL, { stdio: 'ignore' }); }
  async stop() { await this.kill(); }
}

/** Small seeded generator (mulberry32): choices repeat with the seed, the broker's timing does not. */
function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

async function connect(url) {
  const connection = await until(() => amqp.connect(url, { noDelay: true }).catch(() => undefined), 'connecting', 30000);
  connection.on('error', (error) => { if (process.env.CRASH_DEBUG) console.error(String(error)); });
  return connection;
}

async function restart(broker, random) {
  if (broker instanceof Broker && random() < KILL_IN_RECOVERY) {
    const starting = broker.start().catch(() => {});
    await pause(random() * 60);
    broker.process.kill('SIGKILL');
    await starting;
  }
  await broker.start();
}

async function round(broker, load, topics, random) {
  const [publishing, consuming] = [await connect(broker.url), await connect(broker.url)];
  // Listening from the start: a broker that ends by itself must not be waited for.
  const gone = [publishing, consuming].map((connection) => new Promise((resolve) => connection.once('close', resolve)));
  await load.begin(publishing, consuming);
  await topics?.begin(broker.kafka, CROSS, () => load.message(load.queue(CROSS)));
  await pause(KILL_AFTER_MS[0] + random() * (KILL_AFTER_MS[1] - KILL_AFTER_MS[0]));
  await (random() < STOP_POLITELY ? broker.stop() : broker.kill());
  load.end();
  topics?.end();
  await Promise.all(gone);
  await restart(broker, random);
  if (random() < READ_TOPICS) await topics?.read(broker.kafka);
}

async function drain(broker, load) {
  load.stopPublishing = true;
  load.draining = true;
  const [publishing, consuming] = [await connect(broker.url), await connect(broker.url)];
  await load.begin(publishing, consuming);
  const channel = await publishing.createChannel();
  let before = -1;
  await until(async () => {
    const { delivered } = load.totals();
    const still = delivered === before;
    before = delivered;
    await pause(200);
    return still && (await load.backlog(channel)) === 0;
  }, 'the queues are empty', DRAIN_MS);
  load.end();
  for (const connection of [publishing, consuming]) await connection.close().catch(() => {});
}

async function main() {
  const { values } = parseArgs({ options: {
    rounds: { type: 'string', default: '10' }, seed: { type: 'string', default: String(Date.now() % 1e9) }, skip: { type: 'string', multiple: true, default: [] } } });
  const random = seeded(Number(values.seed));
  const violations = new Violations();
  const load = new Load(random, violations, values.skip);
  // Servers that are controlled by commands are asked for AMQP alone.
  const topics = process.env.CRASH_START || values.skip.includes('kafka') ? undefined : new Topics(random, violations);
  const broker = await (process.env.CRASH_START ? new CommandBroker() : new Broker()).start();
  const begin = Date.now();
  for (let index = 1; index <= Number(values.rounds); index++) {
    await round(broker, load, topics, random);
    const { published, delivered } = load.totals();
    if (index % 10 === 0) console.log(`round ${index}: ${published} published, ${delivered} delivered, ${((Date.now() - begin) / 1000 / index).toFixed(2)} s a round`);
  }
  await drain(broker, load);
  await topics?.read(broker.kafka, true);
  let confirmed = 0;
  for (const queue of load.queues) {
    if (!queue.deadOf) confirmed += queue.ledger.checkLost(load.queues.find(({ deadOf }) => deadOf === queue.name)?.ledger);
  }
  await broker.stop();
  const kinds = ['lost', 'resurrected', 'duplicated', 'unflagged', 'reordered', 'phantom', 'reused'];
  for (const kind of kinds) for (const example of violations.kinds.get(kind)?.examples ?? []) console.log(`${kind}: ${example}`);
  const failed = kinds.filter((kind) => violations.count(kind) > 0).length;
  console.log(`seed ${values.seed}: ${values.rounds} rounds, ${load.totals().published} published, ${confirmed} confirmed and persistent; `
    + (topics ? `${topics.totals().produced} records produced, ${topics.totals().acknowledged} acknowledged, ${topics.totals().committed} offsets committed; ` : '')
    + kinds.map((kind) => `${kind} ${violations.count(kind)}`).join(', '));
  process.exitCode = failed ? 1 : 0;
}

main().then(() => process.exit(), (error) => { console.error(error); process.exit(2); });
