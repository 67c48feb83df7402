// The broker under test as a process: started, killed, started again; and waiting with a deadline.
'use strict';
const { spawn, execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const amqp = require('amqplib');

const READY_MS = 30000;
const DEFINITIONS = path.join(__dirname, '..', 'python', 'definitions.json');

const running = new Set();
const homes = [];

/** Ends what a failed test left running, which would keep its file from ending. */
function killAll() { for (const child of running) child.kill('SIGKILL'); }
process.on('exit', (code) => {
  killAll();
  // What a failed run left is kept to be looked at.
  if (code || process.env.INTEROP_KEEP) return;
  for (const home of homes) fs.rmSync(home, { recursive: true, force: true, maxRetries: 3 });
});

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
    homes.push(this.home);
    this.ports = { amqp: '0', admin: '0', kafka: '0' };
  }

  async start() {
    const ready = path.join(this.home, 'ready.json');
    const log = fs.openSync(path.join(this.home, 'log'), 'a');
    fs.rmSync(ready, { force: true });
    this.process = spawn(process.env.ANYMQ_BIN, ['dev', '--data-dir', path.join(this.home, 'data'), '--ready-file', ready], {
      env: { ...process.env, ANYMQ_AMQP__PORT: this.ports.amqp, ANYMQ_ADMIN__PORT: this.ports.admin, ANYMQ_KAFKA__PORT: this.ports.kafka },
      stdio: ['ignore', log, log],
    });
    fs.closeSync(log);
    this.exited = once(this.process, 'exit');
    running.add(this.process);
    this.process.once('exit', () => running.delete(this.process));
    await until(() => {
      const { exitCode, signalCode } = this.process;
      if (exitCode !== null || signalCode !== null) throw new Error(`the broker ended with ${exitCode ?? signalCode}; see ${this.home}/log`);
      return fs.existsSync(ready);
    }, `broker ready; see ${this.home}/log`, READY_MS);
    const addresses = JSON.parse(fs.readFileSync(ready, 'utf8'));
    for (const door of Object.keys(this.ports)) this.ports[door] = addresses[door].split(':').pop();
    return this;
  }

  get url() { return `amqp://guest:guest@127.0.0.1:${this.ports.amqp}`; }
  get kafka() { return `127.0.0.1:${this.ports.kafka}`; }
  get metrics() { return `http://127.0.0.1:${this.ports.admin}`; }

  async kill() { this.process.kill('SIGKILL'); await this.exited; }
  async stop() { this.process.kill('SIGTERM'); await this.exited; return this.process.exitCode; }

  importDefinitions() {
    execFileSync(process.env.ANYMQ_BIN, ['import', '--yes', DEFINITIONS], {
      env: { ...process.env, ANYMQ_URL: this.metrics }, timeout: 60000, stdio: 'pipe',
    });
  }
}

module.exports = { Broker, amqp, killAll, pause, until };
