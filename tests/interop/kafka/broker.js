'use strict';
// One `anymq dev` for the tests of a file.
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const READY_MS = 30000;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function start(settings = {}) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'anymq-interop-'));
  const ready = path.join(home, 'ready.json');
  const log = fs.openSync(path.join(home, 'log'), 'a');
  const ports = Object.fromEntries(['AMQP', 'KAFKA', 'ADMIN', 'METRICS'].map((door) => [`ANYMQ_${door}__PORT`, '0']));
  const child = spawn(process.env.ANYMQ_BIN, ['dev', '--data-dir', path.join(home, 'data'), '--ready-file', ready], {
    env: { ...process.env, ...ports, ...settings }, stdio: ['ignore', log, log],
  });
  const exited = once(child, 'exit');
  const deadline = Date.now() + READY_MS;
  while (!fs.existsSync(ready)) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the broker is not ready; see ${home}/log`);
    await pause(10);
  }
  const { amqp, kafka, admin } = JSON.parse(fs.readFileSync(ready, 'utf8'));
  return {
    amqp,
    kafka,
    admin,
    async stop() {
      child.kill('SIGTERM');
      const [code] = await exited;
      if (code === 0) fs.rmSync(home, { recursive: true });
      return code;
    },
  };
}

module.exports = { start };
