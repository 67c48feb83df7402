// The client's operation log of one queue, and the checker that reads it: lost, resurrected, duplicated, reordered, phantom.
'use strict';

// What is known of a message. Acked and rejected say what the client sent; durable says the broker has proved it is on disk.
const SENT = 1, CONFIRMED = 2, ACKED = 4, DURABLE = 8, REJECTED = 16, TRANSIENT = 32, SEEN = 64, RETURNED = 128;
const EXAMPLES_MAX = 5;

/** Violations by kind, with a few examples each. */
class Violations {
  constructor() { this.kinds = new Map(); }

  add(kind, what) {
    const entry = this.kinds.get(kind) ?? { count: 0, examples: [] };
    entry.count += 1;
    if (entry.examples.length < EXAMPLES_MAX) entry.examples.push(what);
    this.kinds.set(kind, entry);
  }

  count(kind) { return this.kinds.get(kind)?.count ?? 0; }
}

/** The log of one queue: messages are numbered from 0 in publishing order, each has a priority level (0 unless given). */
class Ledger {
  constructor(name, violations, options = {}) {
    Object.assign(this, { name, violations, ordered: options.ordered ?? true, source: options.source });
    if (this.source) this.source.dead = this;
    this.next = 0;
    this.flags = new Uint8Array(1024);
    this.seenIn = new Uint16Array(1024);
    this.settledIn = new Uint16Array(1024);
    this.last = new Map();
    this.deliveries = 0;
  }

  grow(number) {
    for (const field of ['flags', 'seenIn', 'settledIn']) {
      while (this[field].length <= number) {
        const larger = new this[field].constructor(this[field].length * 2);
        larger.set(this[field]);
        this[field] = larger;
      }
    }
  }

  /** Takes the next number. */
  send(transient) {
    const number = this.next++;
    this.grow(number);
    this.flags[number] = SENT | (transient ? TRANSIENT : 0);
    return number;
  }

  confirm(number) { this.flags[number] |= CONFIRMED; }

  /** A new life of the broker: order starts afresh. */
  reborn() { this.last.clear(); }

  /** Checks one delivery. `life` counts the broker's starts from 1. */
  deliver(number, { redelivered, life, level = 0 }) {
    this.deliveries += 1;
    this.grow(number);
    const origin = this.source ?? this;
    const flags = this.flags[number];
    const what = `${this.name} #${number} life ${life}`;
    if (!(origin.flags[number] & SENT)) this.violations.add('phantom', `${what}: never published`);
    if (this.source && !(origin.flags[number] & REJECTED)) this.violations.add('phantom', `${what}: dead without having been rejected`);
    if (flags & DURABLE) this.violations.add('resurrected', `${what}: settled on disk, delivered again`);
    if (this.seenIn[number] === life) {
      if (this.settledIn[number] === life) this.violations.add('duplicated', `${what}: delivered after it was settled in the same life`);
      else if (!(flags & RETURNED)) this.violations.add('duplicated', `${what}: delivered while it was out`);
      if (!redelivered) this.violations.add('unflagged', `${what}: again in one life without redelivered`);
    } else {
      if (flags & SEEN && origin.flags[number] & CONFIRMED && !redelivered) this.violations.add('unflagged', `${what}: again after a crash without redelivered`);
      const last = this.last.get(level) ?? -1;
      if (this.ordered && number < last) this.violations.add('reordered', `${what}: after #${last}`);
      this.last.set(level, Math.max(last, number));
    }
    this.seenIn[number] = life;
    this.flags[number] = (flags | SEEN) & ~RETURNED;
  }

  ack(number, life) { this.flags[number] |= ACKED; this.settledIn[number] = life; }
  reject(number, life) {
    this.flags[number] |= REJECTED;
    this.settledIn[number] = life;
    this.dead?.renewed(number);
  }
  /** A new copy is on its way: a crash took the one before together with its rejection. */
  renewed(number) {
    this.grow(number);
    this.flags[number] &= ~SEEN;
  }
  giveBack(number) { this.flags[number] |= RETURNED; }
  durable(number) { this.flags[number] |= DURABLE; }

  /** After everything was drained: each confirmed persistent message must have been settled. `dead` is where rejected ones go. */
  checkLost(dead) {
    let confirmed = 0;
    for (let number = 0; number < this.next; number++) {
      const flags = this.flags[number];
      if (!(flags & CONFIRMED) || flags & TRANSIENT) continue;
      confirmed += 1;
      const discharged = flags & ACKED || (flags & REJECTED && dead && dead.flags[number] & SEEN);
      if (!discharged) this.violations.add('lost', `${this.name} #${number}: confirmed, ${flags & REJECTED ? 'rejected, not among the dead' : 'never acknowledged, gone'}`);
    }
    return confirmed;
  }
}

module.exports = { Ledger, Violations };
