// What the tests share: a broker to talk to, connections that are closed again, waiting with a deadline.
//
// ANYMQ_BIN=path/to/anymq   each test file starts a broker of its own on free ports, and may kill it.
// AMQP_URL=amqp://…         a server that runs already; tests that kill the broker are skipped and say so.
//                           RABBITMQ_METRICS=http://HOST:PORT says where its metrics are.
'use strict';
const http = require('node:http');
const { after } = require('node:test');
const { Broker, amqp, killAll, pause, until } = require('./broker');

const external = process.env.AMQP_URL;

/** Skip reason for tests that kill or restart the broker, undefined where they can run. */
const needsOwnBroker = external ? 'kills the broker: needs ANYMQ_BIN' : undefined;

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
  killAll();
});

module.exports = { Broker, needsOwnBroker, until, pause, server, connect, unique, ready, holds, collect, bodies, fetchText, amqp };
