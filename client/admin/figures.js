import { Chart } from './chart.js';
import { bytes, counted, latency, rate, short, span, whole } from './format.js';
import { byId, fromTemplate, part, setText } from './page.js';

/** @import { Node } from './types.js' */
/** @import { Latency, Reading } from './rates.js' */

/**
 * Everything that the big numbers are made of.
 *
 * @typedef {object} Moment
 * @property {Reading} reading
 * @property {Node[]} nodes
 * @property {number | null} rooms
 *
 * @typedef {object} Figure
 * @property {string} name
 * @property {(value: number | null) => string} format
 * @property {(moment: Moment) => (number | null)[]} values The first is the big number; all are drawn.
 * @property {(moment: Moment) => string} note
 */

/** @type {Figure[]} */
const FIGURES = [
  {
    name: 'Sockets',
    format: whole,
    values: ({ reading }) => [reading.sockets],
    note: ({ nodes }) => `${whole(total(nodes, 'members'))} in rooms`,
  },
  {
    name: 'Rooms',
    format: whole,
    values: ({ rooms }) => [rooms],
    note: ({ nodes, rooms }) => (rooms ? `${rate(total(nodes, 'members') / rooms)} members each` : ''),
  },
  {
    name: 'Signals a second',
    format: rate,
    values: ({ reading }) => [reading.signals],
    note: ({ nodes }) => `${short(total(nodes, 'signals'))} since start`,
  },
  {
    name: 'Join latency, p99',
    format: latency,
    values: ({ reading }) => [reading.joins.p99, reading.joins.p50],
    note: ({ reading }) => percentiles(reading.joins, 'join'),
  },
  {
    name: 'Redis, p99',
    format: latency,
    values: ({ reading }) => [reading.redis.p99, reading.redis.p50],
    note: ({ reading, nodes }) => (hasRedis(nodes) ? percentiles(reading.redis, 'call') : 'rooms are in memory'),
  },
  {
    name: 'Repairs',
    format: whole,
    values: ({ reading }) => [reading.repairs],
    note: ({ reading }) => watched(reading),
  },
  {
    name: 'Limits hit',
    format: whole,
    values: ({ reading }) => [reading.limits],
    note: ({ reading }) => watched(reading),
  },
  {
    name: 'Memory',
    format: bytes,
    values: ({ nodes }) => [total(nodes, 'memoryBytes')],
    note: ({ nodes }) => `of ${counted(nodes.filter(({ answers }) => answers).length, 'node')}`,
  },
];

const MINUTE_MS = 60_000;

/** The big numbers, each with its last minutes. */
export class Figures {
  #shown = FIGURES.map((figure) => new ShownFigure(figure));

  /** @param {Moment} moment */
  show(moment) {
    for (const figure of this.#shown) figure.show(moment);
  }
}

class ShownFigure {
  #figure;
  #element = fromTemplate('figure');
  #chart;

  /** @param {Figure} figure */
  constructor(figure) {
    this.#figure = figure;
    this.#chart = new Chart(part(this.#element, 'chart'), figure.name, figure.format);
    setText(part(this.#element, 'name'), figure.name);
    byId('figures').append(this.#element);
  }

  /** @param {Moment} moment */
  show(moment) {
    const { format, values, note } = this.#figure;
    const now = values(moment);
    this.#chart.add(moment.reading.at, now);
    setText(part(this.#element, 'value'), format(now[0]));
    setText(part(this.#element, 'note'), note(moment));
    setText(part(this.#element, 'top'), this.#chart.highest === null ? '' : `max ${format(this.#chart.highest)}`);
  }
}

/**
 * @param {Latency} latencies
 * @param {string} what
 */
function percentiles({ count, p50 }, what) {
  return count === 0 ? `no ${what}s in 10 s` : `p50 ${latency(p50)}, ${counted(count, what)}`;
}

/** @param {Reading} reading */
function watched({ watchedMs }) {
  if (watchedMs === 0) return 'counted from now on';
  return watchedMs === MINUTE_MS ? 'in the last minute' : `in the last ${span(watchedMs / 1000)}`;
}

/** @param {Node[]} nodes */
function hasRedis(nodes) {
  return nodes.some((node) => node.answers && node.redisSeconds !== null);
}

/**
 * @param {Node[]} nodes
 * @param {'members' | 'signals' | 'memoryBytes'} what
 */
function total(nodes, what) {
  return nodes.reduce((sum, node) => sum + (node.answers ? node[what] : 0), 0);
}
