// What the tests share: a broker to talk to, connections that are closed again, waiting with a deadline.
//
// ANYMQ_BIN=path/to/anymq   each test file starts a broker of its own on free ports, and may kill it.
// AMQP_URL=amqp://…         a server that runs already; tests that kill the broker are skipped and say so.
//                           RABBITMQ_METRICS=http://HOST:PORT says where its metrics are.
'use strict';
const { spawn, execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { after } = require('node:test');
const amqp = require('amqplib');

const READY_MS = 30000;
const DEFINITIONS = path.join(__dirname, '..', 'python', 'definitions.json');
const external = process.env.AMQP_URL;

/** Skip reason for tests that kill or restart the broker, undefined where they can run. */
const needsOwnBroker = external ? 'kills the broker: needs ANYMQ_BIN' : undefined;

/** Polls until `probe` gives a truthy value and returns it; fails at the deadline. */
async function until(probe, what, deadlineMs = 10000) {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await pause(10);
  }
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** One `anymq dev` with a data directory of its own; keeps its ports over restarts. */
class Broker {
  constructor() {
    this.home = fs.mkdtempSync(path.join(os.tmpdir(), 'anymq-interop-'));
    this.ports = { amqp: '0', admin: '0' };
  }

  async start() {
    const ready = path.join(this.home, 'ready.json');
    const log = fs.openSync(path.join(this.home, 'log'), 'a');
    fs.rmSync(ready, { force: true });
    this.process = spawn(process.env.ANYMQ_BIN, ['dev', '--data-dir', path.join(this.home, 'data'), '--ready-file', ready], {
      env: { ...process.env, ANYMQ_AMQP__PORT: this.ports.amqp, ANYMQ_ADMIN__PORT: this.ports.admin },
      stdio: ['ignore', log, log],
    });
    fs.closeSync(log);
    this.exited = once(this.process, 'exit');
    await until(() => {
      if (this.process.exitCode !== null) throw new Error(`the broker ended with ${this.process.exitCode}; see ${this.home}/log`);
      return fs.existsSync(ready);
    }, `broker ready; see ${this.home}/log`, READY_MS);
    const addresses = JSON.parse(fs.readFileSync(ready, 'utf8'));
    this.ports = { amqp: addresses.amqp.split(':').pop(), admin: addresses.admin.split(':').pop() };
    return this;
  }

  get url() { return `amqp://guest:guest@127.0.0.1:${this.ports.amqp}`; }
  get metrics() { return `http://127.0.0.1:${this.ports.admin}`; }

  async kill() { this.process.kill('SIGKILL'); await this.exited; }
  async stop() { this.process.kill('SIGTERM'); await this.exited; return this.process.exitCode; }

  importDefinitions() {
    execFileSync(process.env.ANYMQ_BIN, ['import', '--yes', DEFINITIONS], {
      env: { ...process.env, ANYMQ_URL: this.metrics }, timeout: 60000, stdio: 'pipe',
    });
  }
}

let shared;
const opened = [];

/** The server the file's tests use: started on first use, ended after the file's last test. */
async function server() {
  if (external) return { url: external, metrics: process.env.RABBITMQ_METRICS };
  if (!process.env.ANYMQ_BIN) throw new Error('set ANYMQ_BIN to the binary, or AMQP_URL to a running server');
  shared ??= new Broker().start();
  return shared;
}

/** A connection that the end of the file closes. */
async function connect(url, options) {
  const connection = await amqp.connect(url ?? (await server()).url, options);
  connection.on('error', () => {});
  opened.push(connection);
  return connection;
}

/** Queue and exchange names that no other run uses. */
const unique = (name) => `${name}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;

/** Messages ready in a queue. */
const ready = async (channel, queue) => (await channel.checkQueue(queue)).messageCount;

/** Waits for a queue to hold exactly `count` ready messages. */
const holds = (channel, queue, count) => until(async () => (await ready(channel, queue)) === count, `${count} ready in ${queue}`);

/** Consumes into an array. Options `ack: true` acknowledges at once. */
async function collect(channel, queue, options = {}) {
  const messages = [];
  const { consumerTag } = await channel.consume(queue, (message) => {
    messages.push(message);
    if (message && options.ack) channel.ack(message);
  }, options);
  messages.consumerTag = consumerTag;
  return messages;
}

const bodies = (messages) => messages.map((message) => message.content.toString());

/** GETs the text at a URL. */
function fetchText(url) {
  return new Promise((resolve, reject) => {
    http.get(url, { timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => resolve(text));
    }).on('error', reject);
  });
}

after(async () => {
  for (const connection of opened) await connection.close().catch(() => {});
  if (shared) await (await shared).stop();
});

module.exports = { Broker, needsOwnBroker, until, pause, server, connect, unique, ready, holds, collect, bodies, fetchText, amqp };
