'use strict';
// The checker itself: each kind of violation is found, and nothing else is.
const assert = require('node:assert');
const { test } = require('node:test');
const { Ledger, Violations } = require('./ledger');

const fresh = { redelivered: false, life: 1 };
const again = { redelivered: true, life: 1 };
const afterCrash = { redelivered: true, life: 2 };

/** Three confirmed messages, then the row's history. */
const ROWS = [
  ['all settled', (log) => { for (const n of [0, 1, 2]) { log.deliver(n, fresh); log.ack(n, 1); } }, {}],
  ['confirmed and gone', (log) => { for (const n of [0, 2]) { log.deliver(n, fresh); log.ack(n, 1); } }, { lost: 1 }],
  ['transient may go', (log) => { log.send(true); log.confirm(3); for (const n of [0, 1, 2]) log.ack(n, 1); }, {}],
  ['unconfirmed may go', (log) => { log.send(false); for (const n of [0, 1, 2]) log.ack(n, 1); }, {}],
  ['settled on disk and back', (log) => { for (const n of [0, 1, 2]) { log.deliver(n, fresh); log.ack(n, 1); log.durable(n); } log.reborn(); log.deliver(1, afterCrash); }, { resurrected: 1 }],
  ['settled, not proved, back after a crash', (log) => { for (const n of [0, 1, 2]) { log.deliver(n, fresh); log.ack(n, 1); } log.reborn(); log.deliver(1, afterCrash); }, {}],
  ['settled and back in one life', (log) => { for (const n of [0, 1, 2]) { log.deliver(n, fresh); log.ack(n, 1); } log.deliver(1, again); }, { duplicated: 1 }],
  ['twice while out', (log) => { for (const n of [0, 1, 1, 2]) { log.deliver(n, again); log.ack(n, 0); } }, { duplicated: 1 }],
  ['returned and again', (log) => { for (const n of [0, 1, 2]) log.deliver(n, fresh); log.giveBack(1); log.deliver(1, again); for (const n of [0, 1, 2]) log.ack(n, 1); }, {}],
  ['returned and again without the flag', (log) => { for (const n of [0, 1, 2]) log.deliver(n, fresh); log.giveBack(1); log.deliver(1, fresh); for (const n of [0, 1, 2]) log.ack(n, 1); }, { unflagged: 1 }],
  ['after a crash without the flag', (log) => { log.deliver(0, fresh); log.reborn(); log.deliver(0, { redelivered: false, life: 2 }); for (const n of [0, 1, 2]) log.ack(n, 2); }, { unflagged: 1 }],
  ['out of order', (log) => { for (const n of [0, 2, 1]) { log.deliver(n, fresh); log.ack(n, 1); } }, { reordered: 1 }],
  ['order starts afresh with a life', (log) => { log.deliver(2, fresh); log.reborn(); for (const n of [0, 1, 2]) { log.deliver(n, afterCrash); log.ack(n, 2); } }, {}],
  ['levels have orders of their own', (log) => { for (const [n, level] of [[2, 1], [0, 0], [1, 0]]) { log.deliver(n, { ...fresh, level }); log.ack(n, 1); } }, {}],
  ['never published', (log) => { for (const n of [0, 1, 2]) log.ack(n, 1); log.deliver(7, fresh); }, { phantom: 1 }],
  ['rejected, not among the dead', (log) => { log.ack(0, 1); log.ack(1, 1); log.reject(2, 1); }, { lost: 1 }],
];

for (const [name, history, expected] of ROWS) {
  test(name, () => {
    const violations = new Violations();
    const log = new Ledger('q', violations);
    for (let n = 0; n < 3; n++) log.confirm(log.send(false));
    history(log);
    log.checkLost(new Ledger('dead', violations, { source: log, ordered: false }));
    assert.deepEqual(Object.fromEntries([...violations.kinds].map(([kind, { count }]) => [kind, count])), expected);
  });
}

test('the dead hold what was rejected, and nothing else', () => {
  const violations = new Violations();
  const log = new Ledger('q', violations);
  const dead = new Ledger('dead', violations, { source: log, ordered: false });
  for (let n = 0; n < 2000; n++) log.confirm(log.send(false));
  for (let n = 0; n < 2000; n++) log.reject(n, 1);
  for (let n = 1999; n >= 0; n--) dead.deliver(n, fresh);
  assert.equal(log.checkLost(dead), 2000);
  assert.equal(violations.kinds.size, 0);
  log.ack(log.send(false), 1);
  dead.deliver(2000, fresh);
  assert.equal(violations.count('phantom'), 1);
});

test('a rejection that a crash undid makes a new dead copy', () => {
  const violations = new Violations();
  const log = new Ledger('q', violations);
  const dead = new Ledger('dead', violations, { source: log, ordered: false });
  log.confirm(log.send(false));
  log.deliver(0, fresh);
  log.reject(0, 1);
  dead.deliver(0, fresh);
  log.deliver(0, afterCrash);
  log.reject(0, 2);
  dead.deliver(0, { redelivered: false, life: 2 });
  assert.equal(violations.kinds.size, 0);
  dead.deliver(0, { redelivered: false, life: 3 });
  assert.equal(violations.count('unflagged'), 1);
});
