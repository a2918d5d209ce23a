#!/usr/bin/env node
// Measures Switchboard against its goals, beside its peers and the limits of the machine, and prints a table.
//
//   cargo build --release --workspace && npm ci --prefix loadtest/peers && scripts/goals.mjs
//
//   --rounds N       how often all take turns (5); ratios are of figures of the same round, and their median counts
//   --only NAME      one row, may be repeated: cross-300, cross-2500, same, bursts, unloaded, memory,
//                    resubscribe, join or flat
//   --quick          one short round with fewer sockets: to see that it works, not to quote
//   --strict         exit with 1 when a goal is missed
//   --out FOLDER     where all reports go, as JSON (target/goals)
//   --server-cpu, --load-cpu     the CPUs of servers (all on 0) and of the generator (1)
//
// Exit: 0 measured, 1 a goal was missed (with --strict), 2 something couldn't be measured. Linux only; takes about an hour.
//
// Loaded is a system as `busy` in lib/laboratory.mjs says; unloaded is one pair, and one message.
import { parse } from './lib/flags.mjs';
import {
  CannotRun, Laboratory, busy, cpu, flags, median, number, ratios, spread, table, time,
} from './lib/laboratory.mjs';

const ROWS = {
  'cross-300': crossNode300,
  'cross-2500': crossNode2500,
  same: sameNode,
  bursts,
  unloaded,
  memory,
  resubscribe,
  join,
  flat,
};

const { values } = parse(import.meta.filename, { ...flags, strict: { type: 'boolean', default: false } });

async function main() {
  for (const name of values.only) {
    if (!ROWS[name]) throw new CannotRun(`There is no row "${name}"; there are ${Object.keys(ROWS).join(', ')}.`);
  }
  const laboratory = new Laboratory('goals', values);
  const results = [];
  for (const [name, measure] of Object.entries(ROWS)) {
    if (values.only.length > 0 && !values.only.includes(name)) continue;
    results.push(...(await measure(laboratory).catch((error) => [missing(name, error)])));
  }
  const rows = results.map(({ goal, figure, detail, verdict }) => [goal, figure, detail, verdict]);
  process.stdout.write(table(['goal', ' figure', 'measured', 'verdict'], rows));
  process.stdout.write(`\n${laboratory.note}`);
  if (results.some(({ verdict }) => verdict === NOT_MEASURED)) return 2;
  return values.strict && results.some(({ verdict }) => verdict === MISSED) ? 1 : 0;
}

const MET = 'met';
const MISSED = '**missed**';
const NOT_MEASURED = '**not measured**';

/** Figures, one for each round, that must not be above a limit. */
function goal(text, limit, figures, detail = '') {
  const verdict = median(figures) <= limit ? MET : MISSED;
  return { goal: text, figure: spread(figures), detail, verdict };
}

function missing(name, error) {
  process.stderr.write(`${name}: ${error.stack}\n`);
  return { goal: name, figure: '–', detail: error.message.split('\n')[0], verdict: NOT_MEASURED };
}

/** That one takes at most `limit` times what another takes. */
function atMost(what, limit, of, unit, reports, one, other) {
  const detail = [one, other].map((label) => `${label} ${number(median(reports[label].map(of)))} ${unit}`).join(', ');
  const share = limit < 1 ? `1/${Math.round(1 / limit)} of` : `${limit} x`;
  return goal(`${what} ≤ ${share} ${other}`, limit, ratios(of, reports[one], reports[other]), detail);
}

async function crossNode300(laboratory) {
  const load = busy(laboratory);
  const reports = await laboratory.compare('cross-300', [
    { label: 'switchboard', system: 'switchboard-redis', nodes: 2, load },
    { label: 'bare', system: 'bare-redis', nodes: 2, load },
    { label: 'socket.io', system: 'socketio-redis', nodes: 2, load },
    { label: 'ws + redis', system: 'ws-redis', nodes: 2, load },
  ]);
  const take = (limit, other) =>
    atMost('CPU of a cross-node relay, 300 B, saturated', limit, cpu, 'µs', reports, 'switchboard', other);
  return [take(1.6, 'bare'), take(1 / 4, 'socket.io'), take(1 / 2, 'ws + redis')];
}

async function crossNode2500(laboratory) {
  const load = busy(laboratory, { size: 2500 });
  const reports = await laboratory.compare('cross-2500', [
    { label: 'switchboard', system: 'switchboard-redis', nodes: 2, load },
    { label: 'bare', system: 'bare-redis', nodes: 2, load },
    { label: 'socket.io', system: 'socketio-redis', nodes: 2, load },
  ]);
  const take = (limit, other) =>
    atMost('CPU of a cross-node relay, 2.5 kB, saturated', limit, cpu, 'µs', reports, 'switchboard', other);
  return [take(1.8, 'bare'), take(1 / 6, 'socket.io')];
}

async function sameNode(laboratory) {
  const load = busy(laboratory);
  const few = await laboratory.compare('same', [
    { label: 'switchboard', system: 'switchboard', load },
    { label: 'bare', system: 'bare', load },
    { label: 'SkyRTC', system: 'skyrtc', load },
  ]);
  const sockets = laboratory.quick ? 2000 : 10_000;
  const crowd = busy(laboratory, { pairs: sockets / 2 });
  const many = await laboratory.compare(`same-${sockets}`, [
    { label: 'switchboard', system: 'switchboard', load: crowd },
    { label: 'SkyRTC', system: 'skyrtc', load: crowd },
  ]);
  const take = (what, limit, reports, other) =>
    atMost(`CPU of a same-node relay, ${what}`, limit, cpu, 'µs', reports, 'switchboard', other);
  return [
    take('300 B', 1.3, few, 'bare'),
    take('200 sockets', 1 / 2, few, 'SkyRTC'),
    take(`${number(sockets)} sockets`, 1 / 20, many, 'SkyRTC'),
  ];
}

async function bursts(laboratory) {
  const load = busy(laboratory, { burst: 16 });
  const reports = await laboratory.compare('bursts', [
    { label: 'switchboard', system: 'switchboard', load },
    { label: 'ws', system: 'ws-redis', load },
  ]);
  return [atMost('CPU of a same-node relay, bursts of 16 frames', 1 / 8, cpu, 'µs', reports, 'switchboard', 'ws')];
}

async function unloaded(laboratory) {
  const load = busy(laboratory, { pairs: 1 });
  const reports = await laboratory.compare('unloaded', [
    { label: 'switchboard', system: 'switchboard-redis', nodes: 2, load },
    { label: 'bare', system: 'bare-redis', nodes: 2, load },
  ]);
  const take = (what, of) =>
    atMost(`${what} of an unloaded cross-node relay`, 1.4, of, 'µs', reports, 'switchboard', 'bare');
  return [take('CPU', cpu), take('p99', (report) => report.latencies.relay.p99_us)];
}

async function memory(laboratory) {
  const sockets = laboratory.quick ? 2000 : 10_000;
  const load = ['idle', '--sockets', String(sockets), '--room-size', '2', '--offer', '2500', '--rest', '1s'];
  const { switchboard } = await laboratory.compare('memory', [{ label: 'switchboard', system: 'switchboard', load }]);
  const each = (name) =>
    switchboard.map(({ stages }) => {
      const [start, stage] = ['started', name].map((name) => stages.find((stage) => stage.name === name));
      if (!start || !stage) throw new CannotRun(`no stage "${name}" in the report`);
      return (stage.resident_kib['node-1'] - start.resident_kib['node-1']) / stage.sockets;
    });
  const detail = `KiB, of ${number(sockets)}`;
  return [
    goal('memory of an idle socket ≤ 4.5 KiB', 4.5, each('connected'), detail),
    goal('of a joined one ≤ 7 KiB', 7, each('joined'), detail),
    goal('of a joined one after a 2.5 kB message and a second of rest ≤ 9 KiB', 9, each('after an offer'), detail),
  ];
}

/** Both figures are of 50,000 members, in one run of the benchmark, which has rounds of its own. */
async function resubscribe(laboratory) {
  const said = await laboratory.bench('redis', 'resubscribe');
  const cells = /^\| subscribed again \|(.*)\|$/m.exec(said)?.[1].split('|').map(parseFloat);
  const memory = /, ([\d.]+) KiB of Redis/.exec(said)?.[1];
  if (!cells || !memory) throw new CannotRun('the benchmark prints no figures');
  const [, redis, node] = cells;
  return [
    goal('Redis memory of a joined session, mailbox at rest ≤ 1.2 KiB', 1.2, [Number(memory)], 'KiB, of 50,000'),
    goal(
      '100,000 subscriptions restored after a lost link ≤ 1 s of CPU of Redis and gateway',
      1,
      [2 * (redis + node)],
      `twice that of 50,000: Redis ${redis} s, gateway ${node} s`,
    ),
  ];
}

async function join(laboratory) {
  const duration = laboratory.quick ? '5s' : '40s';
  // Members, limit in ms, rooms a second: so many joins in all that the cluster is idle for most of the time.
  const sizes = [[2, 1, 50], [16, 1.5, 8], [64, 3, 2]];
  const contestants = sizes.map(([size, , rate]) => ({
    label: String(size),
    system: 'switchboard-redis',
    nodes: 2,
    load: [
      ...['calls', '--join-only', '--room-size', String(size), '--rate', `${rate}/s`, '--arrivals', 'even'],
      ...['--hold', '100ms', '--duration', duration],
    ],
  }));
  const reports = await laboratory.compare('join', contestants);
  return sizes.map(([size, limit]) => {
    const joins = reports[size].map(({ latencies }) => latencies.join);
    const [p50, p99] = ['p50_us', 'p99_us'].map((field) => joins.map((join) => join[field] / 1000));
    return goal(`join into a room of ${size}: p99 ≤ ${limit} ms`, limit, p99, `ms; p50 ${number(median(p50))}`);
  });
}

/** The same rate in all: what changes is only what the row is about. */
async function flat(laboratory) {
  const rate = laboratory.quick ? 2000 : 5000;
  const load = (pairs) => [
    ...['relay', '--pairs', String(pairs), '--rate', `${rate}/s`, '--size', '300'],
    ...time(laboratory),
    // Of one process' files and one address' ports; more workers than needed would cost the others what they poll.
    ...['--workers', String(Math.ceil((2 * pairs) / 17_000)), '--source', '127.0.0.1-8'],
  ];
  const on = (nodes, pairs, label) => ({ label, system: 'switchboard-redis', nodes, load: load(pairs) });
  const most = laboratory.quick ? 8000 : 25_000;
  const rows = [
    ['sockets', [500, 5000, most].map((pairs) => on(4, pairs, number(2 * pairs)))],
    ['nodes', [1, 2, 4].map((nodes) => on(nodes, 500, number(nodes)))],
    ['rooms', [1, 100, Math.min(10_000, most)].map((rooms) => on(4, rooms, number(rooms)))],
  ];
  const results = [];
  for (const [what, contestants] of rows) {
    const reports = Object.values(await laboratory.compare(`flat-${what}`, contestants));
    const labels = contestants.map(({ label }) => label);
    const figures = reports.map((of) => number(median(of.map(cpu))));
    // By how much the dearest is above the cheapest, in one round.
    const apart = reports[0].map((_, round) => {
      const costs = reports.map((of) => cpu(of[round]));
      return Math.max(...costs) / Math.min(...costs);
    });
    const detail = labels.map((label, at) => `${label}: ${figures[at]} µs`).join(', ');
    results.push(goal(`CPU of a cross-node relay at ${rate}/s, by ${what}: within a tenth`, 1.1, apart, detail));
  }
  return results;
}

main().then(
  (code) => process.exit(code),
  (error) => {
    process.stderr.write(`goals.mjs: ${error instanceof CannotRun ? error.message : error.stack}\n`);
    process.exit(2);
  },
);
