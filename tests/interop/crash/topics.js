// Kafka's part of the load: batches to topics, and to a queue that AMQP consumes. What was acknowledged must be where the
// acknowledgement said, an offset never means two records, and a committed offset is not forgotten.
'use strict';
const { CompressionTypes, Kafka, Partitioners, logLevel } = require('../kafka/node_modules/kafkajs');

const TOPICS = [
  { topic: 'crash.plain', partitions: 3, idempotent: false },
  { topic: 'crash.idempotent', partitions: 3, idempotent: true },
];
const BATCH_MAX = 20;
const IN_FLIGHT = 4;
const GROUP = 'crash.group';
const SIZES = [0, 20, 100, 1000, 20000];
const READ_MS = 60000;
/** kafkajs wants an idempotent producer to try again: perhaps in the broker's next life, which must know what it has. */
const RETRY = { retries: 1, initialRetryTime: 50, maxRetryTime: 200 };
const SETTLED_MS = 15000;
/** Offsets before those read last that are read again. */
const AGAIN = 500;

/** What is known of one partition. */
class PartitionLog {
  constructor(name, violations) { Object.assign(this, { name, violations, acked: new Map(), seen: new Map(), read: 0 }); }

  ack(base, numbers) {
    numbers.forEach((number, index) => {
      const offset = base + index;
      const other = this.acked.get(offset) ?? this.seen.get(offset);
      if (other !== undefined && other !== number) this.violations.add('reused', `${this.name}@${offset}: #${other}, then acknowledged as #${number}`);
      this.acked.set(offset, number);
    });
  }

  see(offset, number) {
    const before = this.acked.get(offset) ?? this.seen.get(offset);
    if (before !== undefined && before !== number) this.violations.add('reused', `${this.name}@${offset}: #${before}, then read as #${number}`);
    this.seen.set(offset, number);
  }

  /** After everything was read up to `end`. */
  check(end, sent) {
    for (const [offset, number] of this.acked) {
      if (this.seen.get(offset) !== number) this.violations.add('lost', `${this.name}@${offset}: #${number} was acknowledged, ${this.seen.has(offset) ? 'something else is there' : 'nothing is there'}`);
    }
    const numbers = new Set();
    let last = -1;
    for (let offset = 0; offset < end; offset++) {
      const number = this.seen.get(offset);
      if (number === undefined) { this.violations.add('lost', `${this.name}@${offset}: no record, end is ${end}`); continue; }
      if (!(number < sent)) this.violations.add('phantom', `${this.name}@${offset}: #${number} was never sent`);
      if (numbers.has(number)) this.violations.add('duplicated', `${this.name}@${offset}: #${number} again`);
      numbers.add(number);
      if (number < last) this.violations.add('reordered', `${this.name}@${offset}: #${number} after #${last}`);
      last = Math.max(last, number);
    }
  }
}

class Topics {
  constructor(random, violations) {
    Object.assign(this, { random, violations, running: false, clients: [], tasks: [], commits: new Map(), committed: 0, checks: 0 });
    this.topics = TOPICS.map((about) => ({
      ...about, next: 0, logs: Array.from({ length: about.partitions }, (_, partition) => new PartitionLog(`${about.topic}/${partition}`, violations)) }));
  }

  kafka(address) { return new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, retry: { retries: 0 }, connectionTimeout: 5000, requestTimeout: 10000 }); }

  /** Begins one life. `queue` is what an AMQP consumer reads, `message` numbers what goes there. */
  async begin(address, queue, message) {
    // Nobody of the life before is still at it: so numbers keep their order.
    await Promise.race([Promise.allSettled(this.tasks), new Promise((resolve) => setTimeout(resolve, SETTLED_MS).unref())]);
    this.running = true;
    this.tasks = [];
    const kafka = this.kafka(address);
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: this.topics.map(({ topic, partitions }) => ({ topic, numPartitions: partitions })) });
    await this.checkCommits(admin);
    this.clients = [admin];
    for (const about of this.topics) {
      const producer = await this.producer(kafka, about.idempotent);
      for (let lane = 0; lane < (about.idempotent ? 1 : about.partitions); lane++) this.tasks.push(this.produce(about, producer, about.idempotent ? undefined : lane));
    }
    this.tasks.push(this.cross(await this.producer(kafka, true), queue, message));
    // It ends with the broker, or before it has joined: then nobody waits for it.
    this.commit(kafka).catch(() => {});
  }

  async producer(kafka, idempotent) {
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent, maxInFlightRequests: idempotent ? 1 : IN_FLIGHT, retry: idempotent ? RETRY : { retries: 0 } });
    await producer.connect();
    this.clients.push(producer);
    return producer;
  }

  /** Sends until the broker goes. Of one partition's batches one is on its way at a time: so their numbers keep their order. */
  async produce(about, producer, lane) {
    while (this.running) {
      const partition = lane ?? Math.floor(this.random() * about.partitions);
      const numbers = Array.from({ length: 1 + Math.floor(this.random() * BATCH_MAX) }, () => about.next++);
      const messages = numbers.map((number) => ({ partition, value: this.body(number) }));
      const compression = this.random() < 0.3 ? CompressionTypes.GZIP : CompressionTypes.None;
      try {
        const [{ baseOffset }] = await producer.send({ topic: about.topic, acks: -1, compression, messages });
        about.logs[partition].ack(Number(baseOffset), numbers);
      } catch { return; }
    }
  }

  async cross(producer, queue, message) {
    while (this.running) {
      const batch = Array.from({ length: 1 + Math.floor(this.random() * 5) }, () => message());
      try {
        await producer.send({ topic: queue, acks: -1, messages: batch.map(({ body }) => ({ value: body })) });
      } catch { return; }
      for (const { confirm } of batch) confirm();
    }
  }

  /** Commits rising offsets as the group's only member. */
  async commit(kafka) {
    const consumer = kafka.consumer({ groupId: GROUP, sessionTimeout: 6000, retry: { retries: 0 } });
    this.clients.push(consumer);
    // A commit that fails while the consumer is being stopped is no error to kafkajs: what was answered it tells with this event only.
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      for (const { topic, partitions } of payload.topics) for (const { partition, offset } of partitions) {
        const known = this.commits.get(`${topic}/${partition}`);
        known.acked = Math.max(known.acked, Number(offset));
        this.committed += 1;
      }
    });
    await consumer.connect();
    await consumer.subscribe({ topics: this.topics.map(({ topic }) => topic) });
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.run({ autoCommit: false, eachBatch: async () => {} });
    await joined;
    while (this.running) {
      const { topic, partitions } = this.topics[Math.floor(this.random() * this.topics.length)];
      const partition = Math.floor(this.random() * partitions);
      const key = `${topic}/${partition}`;
      const known = this.commits.get(key) ?? { acked: -1, tried: -1 };
      known.tried = Math.max(known.tried, known.acked) + 1;
      this.commits.set(key, known);
      await consumer.commitOffsets([{ topic, partition, offset: String(known.tried) }]);
    }
  }

  /** A commit that was acknowledged is there, or one after it that was on its way. */
  async checkCommits(admin) {
    for (const { topic, partitions } of await admin.fetchOffsets({ groupId: GROUP, topics: this.topics.map(({ topic }) => topic) })) {
      for (const { partition, offset } of partitions) {
        const known = this.commits.get(`${topic}/${partition}`);
        const found = Number(offset);
        if (!known) continue;
        if (found < known.acked) this.violations.add('lost', `${GROUP} ${topic}/${partition}: ${known.acked} was committed, ${found} is there`);
        if (found > known.tried) this.violations.add('phantom', `${GROUP} ${topic}/${partition}: ${found} is there, ${known.tried} was the last tried`);
      }
    }
  }

  body(number) { return Buffer.from(`${number} ${'x'.repeat(SIZES[Math.floor(this.random() * SIZES.length)])}`); }

  end() {
    this.running = false;
    // The broker is gone: what they wait for does not come.
    for (const client of this.clients) client.disconnect().catch(() => {});
  }

  /** Reads what has come since the last time, and something before it; everything, and checks it, if `all`. */
  async read(address, all) {
    const kafka = this.kafka(address);
    const admin = kafka.admin();
    await admin.connect();
    const ends = new Map();
    for (const { topic } of this.topics) for (const { partition, high } of await admin.fetchTopicOffsets(topic)) ends.set(`${topic}/${partition}`, Number(high));
    await admin.disconnect();
    const logs = new Map(this.topics.flatMap(({ logs }) => logs.map((log) => [log.name, log])));
    for (const log of logs.values()) log.read = all ? 0 : Math.max(0, log.read - AGAIN);
    await this.consume(kafka, logs, ends);
    if (all) for (const { logs, next } of this.topics) for (const log of logs) log.check(ends.get(log.name), next);
  }

  async consume(kafka, logs, ends) {
    const consumer = kafka.consumer({ groupId: `crash.reader-${++this.checks}`, maxWaitTimeInMs: 50, retry: { retries: 3 } });
    await consumer.connect();
    await consumer.subscribe({ topics: this.topics.map(({ topic }) => topic), fromBeginning: true });
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('reading the topics takes too long')), READ_MS);
      const done = () => [...logs.values()].every(({ name, read }) => read >= ends.get(name));
      const poll = setInterval(() => { if (done()) { clearTimeout(late); clearInterval(poll); resolve(); } }, 20);
      consumer.run({ autoCommit: false, eachBatchAutoResolve: true, eachBatch: async ({ batch }) => {
        const log = logs.get(`${batch.topic}/${batch.partition}`);
        for (const { offset, value } of batch.messages) {
          log.see(Number(offset), Number.parseInt(value.toString('latin1', 0, 20), 10));
          log.read = Math.max(log.read, Number(offset) + 1);
        }
      } }).catch(reject);
      for (const { topic, logs: of } of this.topics) of.forEach((log, partition) => consumer.seek({ topic, partition, offset: String(log.read) }));
    });
    await consumer.disconnect();
  }

  totals() {
    const logs = this.topics.flatMap(({ logs }) => logs);
    return { committed: this.committed, produced: this.topics.reduce((sum, { next }) => sum + next, 0), acknowledged: logs.reduce((sum, { acked }) => sum + acked.size, 0) };
  }
}

module.exports = { PartitionLog, Topics };
