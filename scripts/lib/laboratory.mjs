// How scripts measure systems beside each other: in rounds in which all take turns, servers on one CPU and the generator on
// another. Each run has its servers started anew, and its report kept.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { binary, start } from '../../loadtest/peers/systems.mjs';

const ROOT = path.join(import.meta.dirname, '..', '..');

/** Where builds go, and what is measured. */
export const target = process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target');

/** The flags of every script that measures, in the words of `parseArgs`. */
export const flags = {
  rounds: { type: 'string', default: '5' },
  only: { type: 'string', multiple: true, default: [] },
  quick: { type: 'boolean', default: false },
  out: { type: 'string' },
  'server-cpu': { type: 'string', default: '0' },
  'load-cpu': { type: 'string', default: os.availableParallelism() > 1 ? '1' : '0' },
};

/** What couldn't be measured, as opposed to what was measured and isn't as it should be. */
export class CannotRun extends Error {}

export class Laboratory {
  /** `values` are those of `flags`; `name` is that of the folder for reports, unless they say another. */
  constructor(name, values) {
    this.rounds = values.quick ? 1 : Number(values.rounds);
    if (!(Number.isInteger(this.rounds) && this.rounds > 0)) {
      throw new CannotRun('--rounds takes a whole number from 1 on.');
    }
    this.quick = values.quick;
    this.folder = path.resolve(values.out ?? path.join(target, name));
    this.cpus = { servers: values['server-cpu'], load: values['load-cpu'] };
    mkdirSync(this.folder, { recursive: true });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));
  }

  /**
   * Measures contestants in turn, A B C A B C …, as often as there are rounds. A contestant is { label, system, nodes, load },
   * where `load` are the words after `loadtest`. Resolves to an object of arrays: by label, a report for each round.
   */
  async compare(what, contestants) {
    const reports = Object.fromEntries(contestants.map(({ label }) => [label, []]));
    for (let round = 1; round <= this.rounds; round += 1) {
      for (const contestant of contestants) {
        process.stderr.write(`${what}, round ${round} of ${this.rounds}: ${contestant.label}\n`);
        reports[contestant.label].push(await this.#measure(`${what}-${round}-${contestant.label}`, contestant));
      }
    }
    return reports;
  }

  /** What the figures of all tables are, and where they came from. */
  get note() {
    const rounds = this.rounds === 1 ? 'One round' : `Medians of ${this.rounds} rounds, and their range`;
    return `${rounds}. All reports: ${this.folder}\n`;
  }

  async #measure(name, { label, system, nodes = 1, load }) {
    const json = path.join(this.folder, `${name.replaceAll(/[^\w.-]+/g, '-')}.json`);
    const servers = await start(system, { nodes, cpu: this.cpus.servers });
    try {
      const [scenario, ...settings] = load;
      const words = [
        ...[scenario, '--dialect', servers.dialect, '--label', label, '--json', json],
        ...servers.urls.flatMap((url) => ['--url', url]),
        ...servers.processes.flatMap(({ name, pid }) => ['--process', `${name}=${pid}`]),
        ...settings,
      ];
      await this.#run('taskset', ['-c', this.cpus.load, binary('loadtest', 'LOADTEST_BIN'), ...words]);
    } catch (error) {
      throw new CannotRun(`${name}: ${error.message}`);
    } finally {
      await servers.stop();
    }
    return JSON.parse(readFileSync(json, 'utf8'));
  }

  /** A benchmark of the repository; resolves to what it prints. */
  async bench(...words) {
    process.stderr.write(`cargo bench --bench ${words.join(' ')}\n`);
    const [bench, ...args] = words;
    try {
      return await this.#run('cargo', ['bench', '--locked', '--bench', bench, '--', ...args]);
    } catch (error) {
      throw new CannotRun(`cargo bench --bench ${bench}: ${error.message}`);
    }
  }

  /** Resolves to its output; fails with the end of what it said when it fails. */
  #run(file, args) {
    return new Promise((resolve, reject) => {
      const child = spawn(file, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
      const kill = () => child.kill();
      process.once('exit', kill);
      let [out, err] = ['', ''];
      child.stdout.on('data', (data) => (out += data));
      child.stderr.on('data', (data) => (err = (err + data).slice(-2000)));
      child.once('error', reject);
      child.once('close', (code) => {
        process.off('exit', kill);
        if (code === 0) resolve(out);
        else reject(new Error(`${path.basename(file)} ended with ${code}: ${(err || out).trim().slice(-2000)}`));
      });
    });
  }
}

/**
 * What loads a system: so many pairs, with one message of each (or one burst) under way. A hundred are more than a server
 * takes in one turn of its loop, so its core is busy, and there are never two messages of one pair at a time: TCP would join
 * them, and the bare relay, which doesn't look at what it carries, would pass on several with one read and one write, which
 * is the limit of something else. The generator takes less CPU a message than any server but the bare ones.
 */
export function busy(laboratory, { pairs = 100, size = 300, burst = 1 } = {}) {
  return ['relay', '--pairs', pairs, '--window', 1, '--size', size, '--burst', burst, ...time(laboratory)].map(String);
}

/** How long a relay is measured, and how long not: a Node server gets faster in its first seconds, as it is compiled. */
export function time({ quick }) {
  return quick ? ['--warmup', '1s', '--duration', '2s'] : ['--warmup', '3s', '--duration', '8s'];
}

/** CPU of all watched processes. */
export function cpuSeconds({ processes }) {
  return processes.reduce((sum, { cpu_s }) => sum + cpu_s, 0);
}

/** The same over what was heard, in microseconds a message. */
export function cpu(report) {
  return (cpuSeconds(report) / report.counts.received) * 1e6;
}

/** Cores that the servers had in use: 1 is saturated, as they share one. */
export function cores(report) {
  return cpuSeconds(report) / report.measured_s;
}

export function throughput(report) {
  return report.counts.received / report.measured_s;
}

/** Of two contestants, round by round. */
export function ratios(of, these, those) {
  return these.map((report, round) => of(report) / of(those[round]));
}

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Three digits, as more would be noise. */
export function number(value) {
  if (!Number.isFinite(value)) return '–';
  if (Number.isInteger(value) && value < 1000) return String(value);
  if (value >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString('en-US');
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}

/** The median, and the range over the rounds. */
export function spread(values) {
  const middle = number(median(values));
  return values.length > 1 ? `${middle} (${number(Math.min(...values))}–${number(Math.max(...values))})` : middle;
}

/** A Markdown table; columns whose title begins with a space are numbers. */
export function table(titles, rows) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).trim()).join(' | ')} |\n`;
  return line(titles) + line(titles.map((title) => (title.startsWith(' ') ? '---:' : '---'))) + rows.map(line).join('');
}
