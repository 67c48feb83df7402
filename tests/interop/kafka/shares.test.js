'use strict';
// Share groups with Kafka's own client and tools (Java; `run.sh` installs them from Maven).
const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { test, before, after } = require('node:test');
const { start } = require('./broker');

const java = path.join(__dirname, 'java');
const jars = path.join(java, 'lib');
const skip = fs.existsSync(path.join(jars, 'installed.xml')) ? false : 'Kafka\'s jars are not installed: needs Java 17 and Maven';
const QUIET = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error';
const TOOLS = 'org.apache.kafka.tools';

let broker;
before(async () => {
  if (skip && process.env.INTEROP_SKIPPED) fs.appendFileSync(process.env.INTEROP_SKIPPED, `kafka/shares.test.js: ${skip}\n`);
  // Locks that end before a test's patience does.
  if (!skip) broker = await start({ ANYMQ_BROKER__GROUPS__SHARE_RECORD_LOCK_MIN_MS: '1000' });
});
after(async () => {
  if (broker) assert.equal(await broker.stop(), 0, 'it stops when it is asked to');
});

/** Runs a program of Kafka's, or one of ours; what it printed. */
async function run(args, { input = '', fails = false } = {}) {
  const child = spawn('java', ['-Xmx256m', QUIET, '-cp', `${jars}/*`, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
  let printed = '';
  child.stdout.on('data', (text) => { printed += text; });
  child.stderr.on('data', (text) => { printed += text; });
  child.stdin.end(input);
  const [code] = await new Promise((resolve) => child.on('close', (...how) => resolve(how)));
  if (!fails) assert.equal(code, 0, `${args.join(' ')}\n${printed}`);
  return printed;
}

const tool = (name, ...args) => run([name, '--bootstrap-server', broker.kafka, ...args]);
const shareGroups = (...args) => tool(`${TOOLS}.consumer.group.ShareGroupCommand`, ...args);
const settings = (...args) => tool('kafka.admin.ConfigCommand', '--entity-type', 'groups', '--entity-name', 'console', ...args);

/** Records that the console consumer prints. */
async function consume(...args) {
  const printed = await run([`${TOOLS}.consumer.ConsoleShareConsumer`, '--bootstrap-server', broker.kafka,
    '--topic', 'console', '--group', 'console', ...args], { fails: true });
  return printed.split('\n').filter((line) => /^\d+$/.test(line)).map(Number);
}

/** The rows that begin with the group's name, as lists of words. */
const rows = (printed) => printed.split('\n').map((line) => line.trim().split(/\s+/)).filter(([first]) => first === 'console');

test('KafkaShareConsumer', { skip }, async () => {
  const printed = await run([path.join(java, 'Shares.java'), broker.kafka]);
  assert.equal(printed.split('\n').filter((line) => line.startsWith('ok ')).length, 7, printed);
});

test('kafka-console-share-consumer, kafka-share-groups and kafka-configs', { skip }, async () => {
  await tool(`${TOOLS}.TopicCommand`, '--create', '--topic', 'console', '--partitions', '1');
  await settings('--alter', '--add-config', 'share.auto.offset.reset=earliest');
  assert.match(await settings('--describe'), /share\.auto\.offset\.reset=earliest .*DYNAMIC_GROUP_CONFIG/);
  const numbers = Array.from({ length: 200 }, (_, n) => n);
  await run([`${TOOLS}.ConsoleProducer`, '--bootstrap-server', broker.kafka, '--topic', 'console'], { input: numbers.join('\n') });

  const first = await consume('--max-messages', '50');
  assert.equal(first.length, 50);
  assert.deepEqual(rows(await shareGroups('--describe', '--group', 'console')), [['console', 'console', '0', '50', '150']]);
  const second = await consume('--timeout-ms', '5000');
  assert.deepEqual([...first, ...second].sort((a, b) => a - b), numbers, 'each once');
  assert.deepEqual(rows(await shareGroups('--describe', '--group', 'console')), [['console', 'console', '0', '200', '0']]);
  assert.equal(rows(await shareGroups('--describe', '--state', '--group', 'console'))[0].at(-2), 'Empty');
  assert.match(await shareGroups('--list'), /^console$/m);

  await shareGroups('--reset-offsets', '--group', 'console', '--topic', 'console', '--to-earliest', '--execute');
  assert.deepEqual(rows(await shareGroups('--describe', '--group', 'console')), [['console', 'console', '0', '0', '200']]);
  assert.equal((await consume('--reject', '--timeout-ms', '5000')).length, 200);
  assert.equal((await consume('--timeout-ms', '3000')).length, 0, 'what was rejected does not come again');
  assert.match(await shareGroups('--delete-offsets', '--group', 'console', '--topic', 'console'), /Successful/);
  assert.match(await shareGroups('--delete', '--group', 'console'), /was successful/);
});
