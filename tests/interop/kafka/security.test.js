'use strict';
// Logins of kafkajs by every mechanism it has, and what access rules then allow.
const assert = require('node:assert');
const { test, before, after } = require('node:test');
const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, ResourcePatternTypes, logLevel } = require('kafkajs');
const { start } = require('./broker');

const TOKEN_S = 600;

let broker;
before(async () => {
  broker = await start({ ANYMQ_KAFKA__UNSECURED_TOKENS: 'true', ANYMQ_KAFKA__CONNECTIONS_MAX_REAUTH: '3s' });
});
after(async () => {
  assert.equal(await broker.stop(), 0, 'it stops when it is asked to');
});

const client = (sasl) =>
  new Kafka({ brokers: [broker.kafka], sasl, logLevel: logLevel.NOTHING, retry: { retries: 0 }, connectionTimeout: 5000, reauthenticationThreshold: 2000 });

/** A token that nobody signed. */
function token(sub, lifeS = TOKEN_S) {
  const nowS = Math.floor(Date.now() / 1000);
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ sub, iat: nowS, exp: nowS + lifeS })}.`;
}

const login = {
  plain: (user, password) => ({ mechanism: 'plain', username: user, password }),
  'scram-sha-256': (user, password) => ({ mechanism: 'scram-sha-256', username: user, password }),
  'scram-sha-512': (user, password) => ({ mechanism: 'scram-sha-512', username: user, password }),
};

for (const [mechanism, sasl] of Object.entries(login)) {
  test(`${mechanism} lets in with the right password only`, async () => {
    const producer = client(sasl('guest', 'guest')).producer();
    await producer.connect();
    const [sent] = await producer.send({ topic: mechanism, messages: [{ value: 'hello' }] });
    assert.equal(sent.errorCode, 0);
    await producer.disconnect();
    for (const [user, password] of [['guest', 'wrong'], ['nobody', 'guest']]) {
      const refused = client(sasl(user, password)).admin();
      await assert.rejects(refused.connect(), { name: 'KafkaJSSASLAuthenticationError' });
      await refused.disconnect();
    }
  });
}

test('oauthbearer takes a token until it ends', async () => {
  const bearer = (jwt) => ({ mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: jwt }) });
  const admin = client(bearer(token('guest'))).admin();
  await admin.connect();
  assert.ok(Array.isArray(await admin.listTopics()));
  await admin.disconnect();
  for (const jwt of [token('guest', -5), token('nobody'), 'abc']) {
    // kafkajs does not look into the first answer, which has the error; the connection is closed on its next request.
    const refused = client(bearer(jwt)).admin();
    await assert.rejects(refused.connect().then(() => refused.listTopics()));
    await refused.disconnect();
  }
});

test('a login is renewed on the same connection', async () => {
  let logins = 0;
  const oauthBearerProvider = async () => ({ value: token('guest', TOKEN_S + logins++) });
  const admin = client({ mechanism: 'oauthbearer', oauthBearerProvider }).admin();
  const ended = [];
  admin.on(admin.events.DISCONNECT, () => ended.push(1));
  await admin.connect();
  const deadline = Date.now() + 10000;
  while (logins < 3) {
    assert.ok(Date.now() < deadline, `${logins} logins`);
    await admin.listTopics();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.deepEqual(ended, []);
  await admin.disconnect();
});

/** The type of the error that the server answered a call with. */
async function refused(call) {
  const error = await call.then(() => assert.fail('it was accepted'), (e) => e);
  return (error.errors?.[0] ?? error.cause ?? error).type;
}

test('a user without permissions may what access rules say', async () => {
  const password = 'alice';
  const made = await fetch(`http://${broker.admin}/api/v1/users/alice`, {
    method: 'PUT',
    headers: { authorization: `Basic ${Buffer.from('guest:guest').toString('base64')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ password, tags: [] }),
  });
  assert.ok(made.ok, `${made.status}`);
  const admin = client(login.plain('guest', 'guest')).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'open-1' }, { topic: 'shut' }] });
  const alice = () => client(login['scram-sha-512']('alice', password));
  await assert.rejects(alice().admin().connect());

  const rule = (resourceType, resourceName, resourcePatternType, operation, permissionType = AclPermissionTypes.ALLOW) => ({
    resourceType, resourceName, resourcePatternType, principal: 'User:alice', host: '*', operation, permissionType,
  });
  const { TOPIC, GROUP } = AclResourceTypes;
  const { LITERAL, PREFIXED } = ResourcePatternTypes;
  const rules = [
    rule(TOPIC, 'open', PREFIXED, AclOperationTypes.ALL),
    rule(TOPIC, 'open-1', LITERAL, AclOperationTypes.DELETE, AclPermissionTypes.DENY),
    rule(GROUP, 'group', LITERAL, AclOperationTypes.READ),
  ];
  assert.equal(await admin.createAcls({ acl: rules }), true);
  const { resources } = await admin.describeAcls({ ...rules[0], operation: AclOperationTypes.ANY });
  assert.deepEqual(resources.map((r) => [r.resourceName, r.acls.length]), [['open', 1]]);

  const producer = alice().producer();
  await producer.connect();
  const [sent] = await producer.send({ topic: 'open-1', messages: [{ value: 'hello' }] });
  assert.equal(sent.errorCode, 0);
  assert.equal(await refused(producer.send({ topic: 'shut', messages: [{ value: 'no' }] })), 'TOPIC_AUTHORIZATION_FAILED');
  await producer.disconnect();
  const own = alice().admin();
  await own.connect();
  assert.deepEqual(await own.listTopics(), ['open-1']);
  assert.equal(await refused(own.deleteTopics({ topics: ['open-1'] })), 'TOPIC_AUTHORIZATION_FAILED');
  assert.equal(await refused(own.describeAcls({ ...rules[0] })), 'CLUSTER_AUTHORIZATION_FAILED');
  const consumer = alice().consumer({ groupId: 'group' });
  await consumer.connect();
  await consumer.subscribe({ topic: 'open-1', fromBeginning: true });
  const got = new Promise((resolve) => consumer.run({ eachMessage: async ({ message }) => resolve(`${message.value}`) }));
  assert.equal(await got, 'hello');
  await consumer.disconnect();
  const other = alice().consumer({ groupId: 'another' });
  await other.connect();
  await other.subscribe({ topic: 'open-1' });
  const crashed = new Promise((resolve) => other.on(other.events.CRASH, ({ payload }) => resolve(payload.error.name)));
  await other.run({ eachMessage: async () => {} }).catch(() => {});
  // The server's answer is GROUP_AUTHORIZATION_FAILED, which kafkajs does not pass on.
  assert.equal(await crashed, 'KafkaJSGroupCoordinatorNotFound');
  await other.disconnect();
  await own.disconnect();

  const { filterResponses } = await admin.deleteAcls({ filters: rules });
  assert.deepEqual(filterResponses.map((f) => f.matchingAcls.length), [1, 1, 1]);
  await assert.rejects(alice().admin().connect());
  await admin.disconnect();
});
