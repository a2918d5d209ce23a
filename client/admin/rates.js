import { difference, quantile, size, sum } from './histogram.js';

/** @import { AnsweringNode, Node } from './types.js' */
/** @import { Counts } from './histogram.js' */

/** What is rare is counted over a minute. */
const MINUTE_MS = 60_000;
/** A few joins make no percentile: they are taken together over some polls. */
const LATENCY_MS = 10_000;
/** What grew in less time makes no rate: somebody turned a page just after a poll. */
const SHORTEST_MS = 500;

/**
 * What one node counted since it was last heard.
 *
 * @typedef {object} Increase
 * @property {number} from When it was heard before, in milliseconds of a clock that only goes on.
 * @property {number} to
 * @property {number} signals
 * @property {number} repairs
 * @property {number} limits
 * @property {Counts} joins
 * @property {Counts} redis
 */

/**
 * @typedef {object} Latency
 * @property {number} count
 * @property {number | null} p50 In seconds.
 * @property {number | null} p99
 */

/**
 * The cluster at one moment. What can't be told yet is null.
 *
 * @typedef {object} Reading
 * @property {number} at
 * @property {number} sockets
 * @property {Map<string, number>} signalsOf Signals a second, of each node that was heard twice.
 * @property {number | null} signals A second, of all of them.
 * @property {Latency} joins
 * @property {Latency} redis
 * @property {number | null} repairs Of about the last minute: `watchedMs`.
 * @property {number | null} limits
 * @property {number} watchedMs
 */

/** Makes rates of counters, by what they grew between polls. */
export class Rates {
  /** The last that was heard of each node, and its signals a second then. @type {Map<string, { at: number, node: AnsweringNode, signals: number | null }>} */
  #heard = new Map();
  /** @type {Increase[]} */
  #increases = [];

  /**
   * @param {Node[]} nodes
   * @param {number} at When they were read, in milliseconds of a clock that only goes on.
   * @returns {Reading}
   */
  read(nodes, at) {
    const answering = nodes.filter((node) => node.answers);
    for (const node of answering) this.#hear(node, at);
    this.#forget(nodes, at);
    const signalsOf = this.#signalsOf(answering);
    const recent = this.#increases.filter(({ to }) => to > at - LATENCY_MS);
    const isKnown = this.#increases.length > 0;
    return {
      at,
      sockets: total(answering.map(({ sockets }) => sockets)),
      signalsOf,
      signals: signalsOf.size > 0 ? total(signalsOf.values()) : null,
      joins: latency(recent.map(({ joins }) => joins)),
      redis: latency(recent.map(({ redis }) => redis)),
      repairs: isKnown ? total(this.#increases.map(({ repairs }) => repairs)) : null,
      limits: isKnown ? total(this.#increases.map(({ limits }) => limits)) : null,
      watchedMs: at - Math.min(at, ...this.#increases.map(({ from }) => from)),
    };
  }

  /**
   * A node that was started anew counts from nothing: what it had counted before can't be compared.
   *
   * @param {AnsweringNode} node
   * @param {number} at
   */
  #hear(node, at) {
    const before = this.#heard.get(node.node);
    if (before?.node.startedAt !== node.startedAt) {
      this.#heard.set(node.node, { at, node, signals: null });
    } else if (at - before.at >= SHORTEST_MS) {
      const increase = increaseOf(before.node, node, before.at, at);
      this.#increases.push(increase);
      this.#heard.set(node.node, { at, node, signals: increase.signals / ((at - before.at) / 1000) });
    }
  }

  /** @param {AnsweringNode[]} nodes */
  #signalsOf(nodes) {
    /** @type {Map<string, number>} */
    const signalsOf = new Map();
    for (const { node } of nodes) {
      const signals = this.#heard.get(node)?.signals ?? null;
      if (signals !== null) signalsOf.set(node, signals);
    }
    return signalsOf;
  }

  /**
   * @param {Node[]} nodes
   * @param {number} at
   */
  #forget(nodes, at) {
    this.#increases = this.#increases.filter(({ to }) => to > at - MINUTE_MS);
    const named = new Set(nodes.map(({ node }) => node));
    for (const name of this.#heard.keys()) if (!named.has(name)) this.#heard.delete(name);
  }
}

/**
 * @param {AnsweringNode} earlier
 * @param {AnsweringNode} later
 * @param {number} from
 * @param {number} to
 * @returns {Increase}
 */
function increaseOf(earlier, later, from, to) {
  return {
    from,
    to,
    signals: growth(earlier.signals, later.signals),
    repairs: growth(earlier.repairs, later.repairs),
    limits: growth(earlier.limits, later.limits),
    joins: difference(earlier.joinSeconds, later.joinSeconds),
    redis: difference(earlier.redisSeconds, later.redisSeconds),
  };
}

/**
 * @param {Counts[]} all
 * @returns {Latency}
 */
function latency(all) {
  const counts = sum(all);
  return { count: size(counts), p50: quantile(counts, 0.5), p99: quantile(counts, 0.99) };
}

/**
 * @param {number} earlier
 * @param {number} later
 */
function growth(earlier, later) {
  return Math.max(0, later - earlier);
}

/** @param {Iterable<number>} numbers */
function total(numbers) {
  return [...numbers].reduce((sum, number) => sum + number, 0);
}
