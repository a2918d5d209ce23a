#!/usr/bin/env node
// Measures all peers beside Switchboard and the limits of the machine, in every scenario, and prints tables.
//
//   cargo build --release --workspace && npm ci --prefix loadtest/peers && scripts/compare.mjs
//
//   --rounds N       how often all take turns (5); figures are medians over the rounds
//   --only NAME      one table, may be repeated: same, cross, latency, calls or nodes
//   --quick          one short round: to see that it works, not to quote
//   --out FOLDER     where all reports go, as JSON (target/compare)
//   --server-cpu, --load-cpu     the CPUs of servers (all on 0) and of the generator (1)
//
// Exit: 0 measured, 2 something couldn't be measured. Linux only; all tables take hours.
//
// What a loaded system is, and why, stands at `busy` in lib/laboratory.mjs. A system's capacity is its throughput then; where
// its column "cores" is well below 1, the generator was the slower one, and the system can do more.
import { parse } from './lib/flags.mjs';
import {
  CannotRun, Laboratory, busy, cores, cpu, cpuSeconds, flags, median, number, ratios, spread, table, throughput, time,
} from './lib/laboratory.mjs';

const TABLES = { same: sameNode, cross: crossNode, latency, calls, nodes };

const SAME_NODE = [
  { label: 'bare', system: 'bare' },
  { label: 'Switchboard', system: 'switchboard' },
  { label: 'SkyRTC', system: 'skyrtc' },
  { label: 'ws', system: 'ws-redis' },
  { label: 'Socket.IO', system: 'socketio' },
  { label: 'PeerServer', system: 'peerjs' },
];
const CROSS_NODE = [
  { label: 'bare', system: 'bare-redis', nodes: 2 },
  { label: 'Switchboard', system: 'switchboard-redis', nodes: 2 },
  { label: 'ws + node-redis', system: 'ws-redis', nodes: 2 },
  { label: 'Socket.IO + Redis', system: 'socketio-redis', nodes: 2 },
  { label: 'Socket.IO + sharded', system: 'socketio-sharded', nodes: 2 },
];

const LOADS = [
  ['300 B', { size: 300 }],
  ['2.5 kB', { size: 2500 }],
  ['300 B in bursts of 16', { size: 300, burst: 16 }],
];

const SHARES = [[1 / 3, '1/3'], [2 / 3, '2/3'], [0.9, '9/10']];

async function main() {
  const { values } = parse(import.meta.filename, flags);
  for (const name of values.only) {
    if (!TABLES[name]) throw new CannotRun(`There is no table "${name}"; there are ${Object.keys(TABLES).join(', ')}.`);
  }
  const laboratory = new Laboratory('compare', values);
  for (const [name, measure] of Object.entries(TABLES)) {
    if (values.only.length === 0 || values.only.includes(name)) await measure(laboratory);
  }
  process.stdout.write(laboratory.note);
}

/** Prints a table under a title. */
function say(title, ...contents) {
  process.stdout.write(`### ${title}\n\n${table(...contents)}\n`);
}

function sameNode(laboratory) {
  return loaded(laboratory, 'same', 'Same node', SAME_NODE);
}

function crossNode(laboratory) {
  return loaded(laboratory, 'cross', 'Two nodes', CROSS_NODE);
}

async function loaded(laboratory, name, title, systems) {
  for (const [what, settings] of LOADS) {
    const load = busy(laboratory, settings);
    const reports = await laboratory.compare(`${name} ${what}`, systems.map((system) => ({ ...system, load })));
    const rows = Object.entries(reports).map(([label, own]) => [
      label,
      spread(own.map(cpu)),
      spread(ratios(cpu, own, reports.bare)),
      spread(own.map(throughput)),
      number(median(own.map(cores))),
    ]);
    say(`${title}, ${what}`, ['', ' CPU, µs a message', ' x bare', ' messages/s', ' cores'], rows);
  }
}

/** Open loop, at shares of what each system can do itself. */
async function latency(laboratory) {
  for (const [title, systems] of [['Same node', SAME_NODE], ['Two nodes', CROSS_NODE]]) {
    const name = `latency ${title}`;
    const load = busy(laboratory);
    const capacity = await laboratory.compare(`${name} capacity`, systems.map((system) => ({ ...system, load })));
    const rows = Object.fromEntries(systems.map(({ label }) => [label, [number(median(capacity[label].map(throughput)))]]));
    for (const [share, part] of SHARES) {
      const contestants = systems.map((system) => {
        const rate = Math.round(median(capacity[system.label].map(throughput)) * share);
        return { ...system, load: ['relay', '--pairs', '100', '--rate', `${rate}/s`, '--size', '300', ...time(laboratory)] };
      });
      const reports = await laboratory.compare(`${name} ${part}`, contestants);
      for (const [label, own] of Object.entries(reports)) {
        const at = (field) => number(median(own.map(({ latencies }) => latencies.relay[field] / 1000)));
        rows[label].push(`${at('p50_us')} / ${at('p99_us')} / ${at('p999_us')}`);
      }
    }
    const titles = ['', ' capacity, messages/s', ...SHARES.map(([, part]) => ` at ${part}: p50 / p99 / p99.9, ms`)];
    say(`${title}, 300 B, at shares of each system's own capacity`, titles, Object.entries(rows).map((row) => row.flat()));
  }
}

/** Those of four, with the messages that browsers send. */
async function calls(laboratory) {
  const duration = laboratory.quick ? '4s' : '20s';
  const load = ['calls', '--room-size', '4', '--rate', '10/s', '--hold', '1s', '--duration', duration];
  for (const [title, systems] of [['Same node', SAME_NODE], ['Two nodes', CROSS_NODE]]) {
    const contestants = systems.filter(({ label }) => label !== 'bare').map((system) => ({ ...system, load }));
    const reports = await laboratory.compare(`calls ${title}`, contestants);
    const rows = Object.entries(reports).map(([label, own]) => {
      const of = (name) => `${ms(own, name, 'p50_us')} / ${ms(own, name, 'p99_us')}`;
      const cost = own.map((report) => (1000 * cpuSeconds(report)) / report.counts.calls);
      return [label, spread(cost), ...['join', 'notice', 'relay', 'call'].map(of)];
    });
    const kinds = ['join', 'notice', 'message', 'call set up'].map((kind) => ` ${kind}, p50 / p99 ms`);
    say(`${title}, ten calls of four a second`, ['', ' CPU, ms a call', ...kinds], rows);
  }
}

/** On one core, so nothing gets faster: what is asked is whether a message costs more where there are more nodes. */
async function nodes(laboratory) {
  const load = busy(laboratory);
  const contestants = CROSS_NODE.flatMap((system) =>
    [1, 2, 4].map((nodes) => ({ ...system, nodes, label: `${system.label}, ${nodes}`, load })),
  );
  const reports = await laboratory.compare('nodes', contestants);
  const of = (label) => [1, 2, 4].map((nodes) => spread(reports[`${label}, ${nodes}`].map(cpu)));
  const rows = CROSS_NODE.map(({ label }) => [label, ...of(label)]);
  say('CPU, µs a message of 300 B, by nodes', ['', ' 1', ' 2', ' 4'], rows);
  process.stdout.write('With one node, the `ws` relay needs no Redis: it looks for the receiver at its own node first.\n\n');
}

function ms(reports, name, field) {
  const known = reports.filter(({ latencies }) => latencies[name]);
  return known.length ? number(median(known.map(({ latencies }) => latencies[name][field] / 1000))) : '–';
}

main().then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`compare.mjs: ${error instanceof CannotRun ? error.message : error.stack}\n`);
    process.exit(2);
  },
);
