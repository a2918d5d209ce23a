// A Prometheus with our rules watches a loaded cluster: each query of each panel and rule finds data, nothing fires while all
// is well, and what is broken then is told of.
//
//   cargo build --release --workspace && npm ci --prefix client && node --test tests/deploy/observability-live.test.mjs

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { alerts, annotations, queries, recordings, selectors } from './expressions.mjs';
import { ask, Stack } from './stack.mjs';

const { WebSocket } = createRequire(new URL('../../client/package.json', import.meta.url))('ws');
const PATIENCE_MS = 30_000;
/** What a slow machine sets off: load that it can't carry, or a link that it doesn't serve in time. */
const SPEED = ['SwitchboardRelaySlow', 'SwitchboardJoinsSlow', 'SwitchboardLinksBreak'];

const stack = new Stack();
before(() => stack.start(), { timeout: 60_000 });
after(() => stack.stop());

const query = (expr) => ask(stack.prometheus, expr);
const alertsNow = async (matcher = '') => (await query(`ALERTS{${matcher}}`)).map(({ metric }) => metric.alertname);
const firing = () => alertsNow('alertstate="firing"');
const butSpeed = (names) => names.filter((name) => !SPEED.includes(name));

/** Asks until there is an answer that will do; what is asked for comes with the next scrape. */
async function until(what, question) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    assert(Date.now() < end, await what());
    await pause(200);
  }
}

/** Waits until each of them finds data. */
async function findData(expressions) {
  let missing = expressions;
  await until(() => `no data:\n${missing.map(({ where, expr }) => `${where}: ${expr}`).join('\n')}`, async () => {
    const found = await Promise.all(missing.map(({ expr }) => query(expr)));
    missing = missing.filter((_, i) => found[i].length === 0);
    return missing.length === 0;
  });
}

/** Members of one room, by the load balancer; they stay, and can resume. */
async function members(room, count) {
  return Promise.all(Array.from({ length: count }, async () => {
    const socket = new WebSocket(`ws://${stack.address}/ws`).on('error', () => {});
    await once(socket, 'open');
    socket.send(JSON.stringify({ eventName: 'join', data: { room, resumable: true } }));
    await once(socket, 'message');
    return socket;
  }));
}

describe('a Prometheus beside a cluster', { timeout: 150_000 }, () => {
  test('reaches all that it watches', () => until(() => 'a target is down', async () => {
    const up = await query('up == 1');
    return up.length === 5;
  }));

  test('under load, each panel and each recording rule finds data, each selector of an alert a series, and no alert but of speed is even pending', async () => {
    const loads = Promise.all([
      stack.load('calls', '--rate', '10/s', '--hold', '1s', '--warmup', '1s', '--duration', '20s'),
      stack.load('churn', '--rate', '10/s', '--rooms', '5', '--seed', '2', '--warmup', '1s', '--duration', '20s'),
      stack.load('storm', '--sockets', '60', '--rate', '100/s', '--seed', '3', '--warmup', '1s', '--before', '3s', '--after', '15s'),
    ]);
    const everything = async () => {
      await findData(recordings.map(({ record }) => ({ where: 'recorded', expr: record })));
      await findData([...queries, ...annotations.filter(({ expr }) => !expr.includes('ALERTS'))]);
      await findData([...alerts, ...recordings].flatMap(({ alert, record, expr }) => selectors(expr).map(({ text }) => ({ where: alert ?? record, expr: text }))));
    };
    await Promise.all([loads, everything()]); // the first that fails says why
    assert.deepEqual(butSpeed(await alertsNow()), []);
  });

  test('while a node drains, and another takes its clients, no alert but of speed fires', async () => {
    const [node] = stack.nodes;
    await members('drained', 6);
    await fetch(`http://${node.admin}/drain`, { method: 'POST' });
    await until(() => 'the node still answers', async () => (await query('up{job="switchboard"} == 0')).length === 1);
    assert.deepEqual(butSpeed(await firing()), []);
  });

  test('of a node that was killed, and a Redis that lost its data, it tells at once', async () => {
    const sockets = await members('killed', 8);
    const [, killed] = stack.nodes;
    await killed.stop();
    await until(async () => `no ticket of a lost node: ${await firing()}`, async () => (await firing()).includes('SwitchboardNodeLost'));
    await stack.redis.stop();
    const missed = ['SwitchboardNodeDown', 'SwitchboardRedisAway', 'SwitchboardRedisUnwatched'];
    const pending = () => alertsNow('alertstate="pending"');
    await until(async () => `of ${missed} only ${await pending()} are pending`, async () => {
      const seen = await pending();
      return missed.every((alert) => seen.includes(alert));
    });
    await stack.startRedis();
    await until(async () => `no ticket of a gap: ${await firing()}`, async () => (await firing()).includes('SwitchboardGap'));
    for (const socket of sockets) socket.terminate();
  });
});
