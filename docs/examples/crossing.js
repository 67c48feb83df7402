// One order on its way through both protocols: AMQP publish → Kafka group → AMQP dead letter → replay.
//
//   anymq dev                                   (in another terminal)
//   npm install amqplib kafkajs
//   node crossing.js [amqp://guest:guest@127.0.0.1:5672] [127.0.0.1:9092]
//
//   shop ──AMQP──▶ queue `orders` = topic `orders` ──Kafka group `shipping`──▶ topic `shipments` = queue `shipments`
//                                                                                      │ AMQP worker: ack, or reject
//   repair ◀──Kafka, from the first offset── topic `shipments.dead` = queue `shipments.dead` ◀── dead letters
//      └──Kafka──▶ topic `shipments`: the AMQP worker gets them once more
//
// Nothing is configured for it: a queue is a topic of the same name, and what a queue's consumers have settled can still be read by
// its offset.
'use strict';
const amqp = require('amqplib');
const { Kafka, Partitioners, logLevel } = require('kafkajs');

const [amqpUrl = 'amqp://guest:guest@127.0.0.1:5672', kafkaAddress = '127.0.0.1:9092'] = process.argv.slice(2);
const ORDERS = [
  { id: 1, to: 'Ada, London' }, { id: 2, to: 'Linus, Helsinki' }, { id: 3, to: '' },
  { id: 4, to: 'Grace, New York' }, { id: 5, to: '' }, { id: 6, to: 'Edsger, Austin' },
];

/** Reads a topic as a group until `count` records have been handled. */
async function readAll(kafka, groupId, topic, count, handle) {
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  let left = count;
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer.run({ eachMessage: async ({ message }) => {
      await handle(message);
      left -= 1;
      if (left === 0) resolve();
    } });
  });
  await consumer.disconnect();
}

async function main() {
  const connection = await amqp.connect(amqpUrl);
  const channel = await connection.createConfirmChannel();
  const kafka = new Kafka({ brokers: [kafkaAddress], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();

  await channel.assertQueue('orders');
  await channel.assertQueue('shipments.dead');
  await channel.assertQueue('shipments', { deadLetterExchange: '', deadLetterRoutingKey: 'shipments.dead' });

  // 1. The shop speaks AMQP.
  for (const order of ORDERS) {
    channel.sendToQueue('orders', Buffer.from(JSON.stringify(order)), { persistent: true, messageId: `order-${order.id}`, type: 'order' });
  }
  await channel.waitForConfirms();
  console.log(`published ${ORDERS.length} orders with AMQP`);

  // 2. Shipping is a Kafka consumer group; properties of AMQP are headers to it. What it writes is what an AMQP worker consumes.
  await readAll(kafka, 'shipping', 'orders', ORDERS.length, async (message) => {
    const order = JSON.parse(message.value);
    const headers = { 'message-id': message.headers['message-id'], type: 'shipment' };
    await producer.send({ topic: 'shipments', messages: [{ key: String(order.id), value: JSON.stringify({ order: order.id, to: order.to }), headers }] });
  });
  console.log('a Kafka group has read them and written shipments');

  // 3. The worker speaks AMQP: what has no address is rejected and dead-lettered, with its history.
  const delivered = [];
  await channel.consume('shipments', (message) => {
    const shipment = JSON.parse(message.content);
    if (!shipment.to) return channel.reject(message, false);
    delivered.push(`${message.properties.messageId}: ${shipment.to}`);
    channel.ack(message);
  });
  const broken = ORDERS.filter((order) => !order.to).length;

  // 4. Repair reads the dead letters with Kafka, and sends them again.
  await readAll(kafka, 'repair', 'shipments.dead', broken, async (message) => {
    const shipment = JSON.parse(message.value);
    const [death] = JSON.parse(message.headers['x-death']);
    console.log(`order ${shipment.order} was ${death.reason} in '${death.queue}'`);
    await producer.send({ topic: 'shipments', messages: [{
      key: message.key, value: JSON.stringify({ ...shipment, to: 'Postmaster' }), headers: { 'message-id': message.headers['message-id'], type: 'shipment' },
    }] });
  });
  while (delivered.length < ORDERS.length) await new Promise((resolve) => setTimeout(resolve, 20));
  delivered.sort().forEach((line) => console.log(`delivered ${line}`));

  // 5. All of it can be replayed: the orders from the first on, though a group has read them.
  let replayed = 0;
  await readAll(kafka, 'audit', 'orders', ORDERS.length, async () => { replayed += 1; });
  console.log(`replayed ${replayed} orders from offset 0`);

  await producer.disconnect();
  await connection.close();
}

main().catch((error) => { console.error(error); process.exit(1); });
