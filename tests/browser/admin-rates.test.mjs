/* What the cluster page makes of the figures that it is told, without a browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, latency, rate, span } from '../../client/admin/format.js';
import { difference, quantile, size, sum } from '../../client/admin/histogram.js';
import { Rates } from '../../client/admin/rates.js';
import { verdict } from '../../client/admin/verdict.js';
import { histogram, node } from './admin-api.mjs';

const SILENT = { node: 'c', self: false, answers: false };

test('a rate is what grew over the time that went by', () => {
  const rates = new Rates();
  const first = rates.read([node('a', { signals: 1000, sockets: 3 }), node('b', { signals: 500, sockets: 4 })], 10_000);
  assert.deepEqual([first.sockets, first.signals, first.repairs, first.watchedMs], [7, null, null, 0]);
  const second = rates.read([node('a', { signals: 1300 }), node('b', { signals: 545 })], 13_000);
  assert.deepEqual([...second.signalsOf], [['a', 100], ['b', 15]]);
  assert.equal(second.signals, 115);
});

test('a node that was started anew begins anew', () => {
  const rates = new Rates();
  const other = (signals) => node('b', { signals });
  rates.read([node('a', { signals: 1000, repairs: 5 }), other(0)], 0);
  const restarted = { startedAt: '2026-03-01T09:00:00Z' };
  const reading = rates.read([node('a', { ...restarted, signals: 70, repairs: 9 }), other(20)], 2000);
  assert.deepEqual([[...reading.signalsOf], reading.signals, reading.repairs], [[['b', 10]], 10, 0]);
  assert.equal(rates.read([node('a', { ...restarted, signals: 80 }), other(20)], 4000).signalsOf.get('a'), 5);
});

test('a node that was silent has a rate over all of that time', () => {
  const rates = new Rates();
  rates.read([node('c', { signals: 100 })], 0);
  const reading = rates.read([SILENT], 2000);
  assert.deepEqual([reading.sockets, reading.signals], [0, null]);
  assert.equal(rates.read([node('c', { signals: 160 })], 6000).signals, 10);
});

test('a second look right after a poll changes no rate', () => {
  const rates = new Rates();
  rates.read([node('a')], 0);
  rates.read([node('a', { signals: 20 })], 2000);
  assert.equal(rates.read([node('a', { signals: 29 })], 2010).signals, 10);
  assert.equal(rates.read([node('a', { signals: 60 })], 4000).signals, 20);
});

test('what is rare is counted over a minute, and what came before is let go', () => {
  const rates = new Rates();
  for (let second = 0; second <= 60; second += 2) rates.read([node('a', { repairs: second / 2, limits: second })], second * 1000);
  const minute = rates.read([node('a', { repairs: 30, limits: 61 })], 62_000);
  assert.deepEqual([minute.repairs, minute.limits, minute.watchedMs], [29, 59, 60_000]);
});

test('after a long look away it is said how long', () => {
  const rates = new Rates();
  rates.read([node('a')], 0);
  const reading = rates.read([node('a', { repairs: 7 })], 600_000);
  assert.deepEqual([reading.repairs, reading.watchedMs], [7, 600_000]);
});

test('latencies are of the last ten seconds, and of all nodes', () => {
  const rates = new Rates();
  const read = (a, b, at) => rates.read([node('a', { joinSeconds: histogram(a) }), node('b', { joinSeconds: histogram(b) })], at).joins;
  const old = Array(50).fill(2);
  assert.deepEqual(read(old, [], 0), { count: 0, p50: null, p99: null });
  const four = Array(4).fill(0.004);
  // 4 of 0.0025 to 0.005, 4 of 0.025 to 0.05.
  const both = read([...old, ...four], Array(4).fill(0.03), 2000);
  assert.deepEqual([both.count, both.p50, both.p99], [8, 0.005, 0.025 + 0.025 * (8 * 0.99 - 4) / 4]);
  assert.equal(read([...old, ...four], Array(4).fill(0.03), 11_000).count, 8);
  assert.deepEqual(read([...old, ...four], Array(4).fill(0.03), 12_000), { count: 0, p50: null, p99: null });
});

test('quantiles as Prometheus has them', () => {
  const counts = (durations) => difference(null, histogram(durations));
  assert.equal(quantile(counts([]), 0.5), null);
  assert.equal(quantile(counts([0.0004]), 0.5), 0.0005);
  assert.equal(quantile(counts([0.2, 0.2]), 0.5), 0.1 + 0.15 / 2);
  assert.equal(quantile(counts([0.2, 99]), 0.99), 2.5, 'over the highest bound only that is known');
  assert.equal(quantile(counts([0.002, 0.002, 0.7, 0.7]), 0.5), 0.0025, 'at the end of a bucket, not in the next');
});

test('buckets with and without the endless one, and of other bounds', () => {
  const plain = { buckets: [{ le: 0.1, count: 2 }], count: 3, sum: 1 };
  for (const le of [null, '+Inf', 'inf']) {
    const endless = { ...plain, buckets: [...plain.buckets, { le, count: 3 }] };
    assert.deepEqual(difference(null, endless), difference(null, plain));
  }
  const other = { buckets: [{ le: 0.05, count: 4 }, { le: 0.2, count: 5 }], count: 5, sum: 1 };
  const both = sum([difference(null, plain), difference(null, other)]);
  assert.deepEqual([...both].sort(([a], [b]) => a - b), [[0.05, 4], [0.1, 2], [0.2, 1], [Infinity, 1]]);
  assert.equal(size(both), 8);
  assert.equal(size(difference(null, null)), 0);
});

test('the line on top says what matters most first', () => {
  const sentences = (nodes) => verdict(nodes).map(({ level, sentence }) => `${level}: ${sentence}`);
  assert.deepEqual(sentences([node('a')]), ['well: 1 node, well']);
  assert.deepEqual(sentences([node('a'), node('b')]), ['well: 2 nodes, all well']);
  assert.deepEqual(sentences([node('a', { draining: true }), node('b')]), ['notice: Node a is draining']);
  assert.deepEqual(sentences([node('a', { draining: true, health: 'no link' }), node('b', { version: '0.5.0' }), SILENT]), [
    "alarm: 1 of 3 nodes doesn't answer",
    'alarm: Redis: no link (a)',
    'notice: Node a is draining',
    'notice: Nodes have different versions: 0.4.0, 0.5.0',
  ]);
  assert.deepEqual(sentences([node('a', { health: 'no link' }), node('b', { health: 'no link' })]), ['alarm: Redis: no link']);
  assert.deepEqual(sentences([SILENT, { ...SILENT, node: 'd' }])[0], "alarm: 2 of 2 nodes don't answer");
});

test('figures as people read them', () => {
  assert.deepEqual([0, 0.04, 9.96, 12.4, 12345, null].map(rate), ['0', '0', '10', '12', '12,345', '–']);
  assert.deepEqual([0.00012, 0.00375, 0.25, 1.5, null].map(latency), ['0.12 ms', '3.8 ms', '250 ms', '1.50 s', '–']);
  assert.deepEqual([0, 12, 59.9, 60, 3600, 3661, 90_000, 172_800, NaN].map(span), ['0 s', '12 s', '59 s', '1 min', '1 h', '1 h 1 min', '1 d 1 h', '2 d', '–']);
  assert.deepEqual([0, 900, 1536, 40 * 2 ** 20, 3.5 * 2 ** 30].map(bytes), ['0 B', '900 B', '1.5 KiB', '40 MiB', '3.5 GiB']);
});
