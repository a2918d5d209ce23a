#!/usr/bin/env node
// What clients that do harm cost their neighbours: 100 pairs exchange messages at a steady rate, in turn with nobody else there
// and with offenders on the same node. Prints a table of the neighbours' p99, the node's memory, and how offenders ended.
//
//   cargo build --release --workspace && scripts/neighbours.mjs
//
//   --rounds N       how often each is measured, in turn (5); ratios are of neighbouring measurements
//   --only NAME      one kind of offender, may be repeated: flood, slow, idle, garbage
//   --rate N         messages a second of all neighbours together (2000)
//   --quick          one short round: to see that it works, not to quote
//   --out FOLDER     where all reports go, as JSON (target/neighbours)
//   --server-cpu, --load-cpu     the CPUs of the node (0), and of the neighbours and the offenders (1)
//
// Exit: 0 measured, 2 something couldn't be measured. Linux only.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { binary, start } from '../loadtest/peers/systems.mjs';
import { parse } from './lib/flags.mjs';
import { CannotRun, Laboratory, flags, median, number, spread, table } from './lib/laboratory.mjs';

const KINDS = {
  flood: 'one client that sends as fast as it can, and comes back when it is closed',
  slow: '100 clients that don\'t read the 60 kB that others send each of them four times a second',
  idle: '1,000 sockets that never join, and come back when they are closed',
  garbage: '100 kB of garbage a second',
};

const { values } = parse(import.meta.filename, { ...flags, rate: { type: 'string', default: '2000' } });

async function main() {
  const kinds = values.only.length > 0 ? values.only : Object.keys(KINDS);
  for (const kind of kinds) {
    if (!KINDS[kind]) throw new CannotRun(`There is no "${kind}"; there are ${Object.keys(KINDS).join(', ')}.`);
  }
  const laboratory = new Laboratory('neighbours', values);
  const rows = [];
  for (const kind of kinds) rows.push(await measure(kind, laboratory));
  process.stdout.write(table(
    ['offenders', ' p99 without, µs', ' with, µs', ' ratio', ' memory without, MiB', ' at most with', 'how they ended'], rows,
  ));
  process.stdout.write(`\n${laboratory.note}`);
}

async function measure(kind, laboratory) {
  const node = await start('switchboard-guarded', { cpu: laboratory.cpus.servers });
  try {
    const [{ pid }] = node.processes;
    const [quiet, offended, endings] = [[], [], {}];
    let [before, most] = [0, 0];
    for (let round = 1; round <= laboratory.rounds; round += 1) {
      process.stderr.write(`${kind}, round ${round} of ${laboratory.rounds}\n`);
      quiet.push(await neighbours(laboratory, node, `${kind}-${round}-without`));
      before = Math.max(before, memory(pid).now);
      const offenders = new Offenders(kind, laboratory.cpus.load, node.urls[0]);
      offended.push(await neighbours(laboratory, node, `${kind}-${round}-with`));
      most = memory(pid).most;
      for (const [code, count] of Object.entries(await offenders.stop())) endings[code] = (endings[code] ?? 0) + count;
    }
    const ratios = offended.map((p99, round) => p99 / quiet[round]);
    const told = Object.entries(endings).map(([code, count]) => `${code === '0' ? 'cut' : code}: ${count}`).join(', ');
    return [KINDS[kind], number(median(quiet)), number(median(offended)), spread(ratios), number(before), number(most), told];
  } finally {
    await node.stop();
  }
}

/** The p99 of the neighbours, in microseconds. */
async function neighbours({ quick, folder, cpus }, node, name) {
  const json = path.join(folder, `${name}.json`);
  const time = quick ? ['--warmup', '2s', '--duration', '3s'] : ['--warmup', '12s', '--duration', '10s'];
  const words = [
    'relay', '--dialect', node.dialect, '--url', node.urls[0], '--label', name, '--json', json,
    '--pairs', '100', '--rate', `${values.rate}/s`, '--size', '300', ...time,
  ];
  const child = spawn('taskset', ['-c', cpus.load, binary('loadtest', 'LOADTEST_BIN'), ...words], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new CannotRun(`${name}: the load test ended with ${code}.`);
  return JSON.parse(readFileSync(json, 'utf8')).latencies.relay.p99_us;
}

/** A process of offenders, which yields to the neighbours: what they do to the node is measured, not to the other CPU. */
class Offenders {
  constructor(kind, cpu, url) {
    const script = path.join(import.meta.dirname, 'lib', 'offenders.mjs');
    const words = ['-n', '19', 'taskset', '-c', cpu, process.execPath, script, kind, new URL(url).host];
    this.process = spawn('nice', words, { stdio: ['pipe', 'pipe', 'inherit'] });
    process.once('exit', () => this.process.kill());
    this.output = '';
    this.process.stdout.on('data', (data) => (this.output += data));
  }

  /** Resolves to how their connections ended, by close code. */
  async stop() {
    this.process.stdin.end();
    await once(this.process, 'close');
    return JSON.parse(this.output);
  }
}

/** Resident memory of a process in MiB. */
function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name) => Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm'))[1]) / 1024;
  return { now: of('VmRSS'), most: of('VmHWM') };
}

main().catch((error) => {
  process.stderr.write(`scripts/neighbours.mjs: ${error instanceof CannotRun ? error.message : error.stack}\n`);
  process.exitCode = 2;
});
