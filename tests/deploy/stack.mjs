/*
 * What an operator runs, each in a process of its own, on free ports: Redis and its exporter, three gateways, HAProxy with its
 * exporter, a server that takes webhooks, and a Prometheus that watches all of them with the rules of deploy/observability.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { answers, onFreePort } from '../browser/cluster.mjs';
import { end, Gateway } from '../browser/harness.mjs';

const YAML = createRequire(new URL('../../client/package.json', import.meta.url))('yaml');
const ROOT = new URL('../../', import.meta.url);
const PATH = `${process.env.PATH}:/usr/sbin`; // where Debian has haproxy

/** One machine may load them. */
const NODE = ['--drain', '2s', '--max-sockets-per-address', '100000', '--joins-per-address', '100000', '--messages-per-socket', '100000'];

/** What was started is stopped by `stop`, also where the rest hasn't started, and by a signal that ends the test. */
export class Stack {
  #folder = '';
  #stops = [];
  #stopped = false;
  /** @type {Gateway[]} */
  nodes = [];
  /** Where clients connect: HAProxy. */
  address = '';
  /** Prometheus. */
  prometheus = '';

  async start() {
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.once(signal, () => {
        process.stdout.on('error', () => {}); // the runner, who reads it, is gone first
        this.stop().finally(() => process.exit(1));
      });
    }
    this.#folder = await mkdtemp(join(tmpdir(), 'switchboard-stack-'));
    await this.startRedis();
    this.exporter = await this.#listening((port) => this.#run('prometheus-redis-exporter', ['-web.listen-address', `127.0.0.1:${port}`, '-redis.addr', `redis://${this.redis.address}`]));
    const webhooks = await this.#webhooks();
    const settings = ['--redis', `redis://${this.redis.address}`, '--webhook-url', webhooks, '--webhook-secret', `whsec_${Buffer.alloc(24, 7).toString('base64')}`, ...NODE];
    for (let count = 0; count < 3; count++) await this.addNode(settings);
    await this.#startHaproxy();
    await this.#startPrometheus();
  }

  async stop() {
    this.#stopped = true; // what is about to start doesn't any more
    await Promise.all(this.#stops.map((stop) => stop()));
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true });
  }

  /** On the port that it had, if it had one. */
  async startRedis() {
    const start = (port) => this.#run('redis-server', ['--bind', '127.0.0.1', '--port', port, '--save', '', '--maxmemory', '64mb', '--dir', this.#folder]);
    this.redis = await this.#listening(start, this.redis?.address.split(':')[1]);
    assert(this.redis, 'Redis is there again');
  }

  async addNode(settings) {
    this.#mayStart();
    const starting = Gateway.start(settings);
    this.#stops.push(() => starting.then((node) => node.stop(), () => {})); // who started it is told why it didn't
    this.nodes.push(await starting);
  }

  /** HAProxy as deploy/haproxy.cfg has it, and its exporter. */
  async #startHaproxy() {
    const file = join(this.#folder, 'haproxy.cfg');
    const servers = this.nodes.map(({ address, admin }, i) => `    server node-${i} ${address} port ${admin.split(':')[1]}\n`);
    const exporter = '\nfrontend exporter\n    bind "${EXPORTER_ADDRESS}"\n    http-request use-service prometheus-exporter if { path /metrics }\n';
    await writeFile(file, (await readFile(new URL('deploy/haproxy.cfg', ROOT), 'utf8')) + servers.join('') + exporter);
    this.haproxy = await this.#listening((port) => onFreePort((exporterPort) => {
      const env = { PUBLIC_ADDRESS: `127.0.0.1:${port}`, EXPORTER_ADDRESS: `127.0.0.1:${exporterPort}` };
      return { ...this.#run('haproxy', ['-db', '-q', '-f', file], env), exporter: env.EXPORTER_ADDRESS };
    }));
    this.address = this.haproxy.address;
  }

  /** As deploy/observability/prometheus has it, but for where the targets are, the namespace that they are in as Kubernetes has it, and how often it looks. */
  async #startPrometheus() {
    const folder = new URL('deploy/observability/prometheus/', ROOT);
    const config = YAML.parse(await readFile(new URL('prometheus.yml', folder), 'utf8'));
    const targets = { switchboard: this.nodes.map(({ admin }) => admin), redis: [this.exporter.address], haproxy: [this.haproxy.exporter] };
    assert.deepEqual(config.scrape_configs.map(({ job_name }) => job_name), Object.keys(targets));
    config.global = { scrape_interval: '1s', evaluation_interval: '1s' };
    config.rule_files = config.rule_files.map((pattern) => fileURLToPath(new URL(pattern, folder)));
    config.scrape_configs = Object.entries(targets).map(([job_name, targets]) => ({ job_name, static_configs: [{ targets, labels: { namespace: 'switchboard' } }] }));
    const file = join(this.#folder, 'prometheus.yml');
    await writeFile(file, YAML.stringify(config));
    const prometheus = await this.#listening((port) => this.#run('prometheus', [
      `--config.file=${file}`, `--storage.tsdb.path=${join(this.#folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error',
    ]));
    this.prometheus = `http://${prometheus.address}`;
    while (!(await fetch(`${this.prometheus}/-/ready`)).ok) await pause(50); // it takes connections before it answers
  }

  /** A server that takes every webhook. */
  async #webhooks() {
    const server = createServer((request, response) => request.resume().on('end', () => response.writeHead(204).end())).listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#stops.push(async () => {
      server.close();
      server.closeAllConnections();
    });
    return `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/`;
  }

  /** Runs the load generator until it has its report; it fails if a message was wrong. */
  async load(scenario, ...args) {
    const candidates = ['release', 'debug'].map((profile) => fileURLToPath(new URL(`target/${profile}/loadtest`, ROOT)));
    const binary = process.env.LOADTEST_BIN ?? candidates.find(existsSync);
    assert(binary, 'build the load generator first (cargo build --workspace), or set LOADTEST_BIN');
    const { child, failed } = this.#run(binary, [scenario, '--url', `ws://${this.address}/ws`, ...args], {}, ['ignore', 'pipe', 'pipe']);
    let report = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (report += data));
    const [code] = await Promise.race([once(child, 'close'), failed]);
    assert.equal(code, 0, `loadtest ${scenario}:\n${report}`);
  }

  #run(command, args, env = {}, stdio = 'ignore') {
    this.#mayStart();
    const child = spawn(command, args, { env: { ...process.env, PATH, ...env }, stdio });
    const failed = new Promise((_, reject) => child.once('error', reject));
    failed.catch(() => {}); // told by who waits for it to listen
    const stop = () => (child.pid ? end(child) : undefined);
    this.#stops.push(stop);
    return { child, failed, stop };
  }

  /** What `start` runs, once its port takes connections; on another port if it ends before. */
  #listening(start, fixed) {
    const attempt = async (port) => {
      const running = await start(port);
      while (running.child.exitCode === null && running.child.signalCode === null) {
        if (await Promise.race([answers(port), running.failed])) return { ...running, address: `127.0.0.1:${port}` };
        await pause(20);
      }
      return null;
    };
    return fixed ? attempt(fixed) : onFreePort(attempt);
  }

  #mayStart() {
    assert(!this.#stopped, 'it is being stopped');
  }
}

/** The series that an expression has now, at a Prometheus, without those that are not a number. */
export async function ask(prometheus, expr) {
  const response = await fetch(`${prometheus}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: expr }) });
  const { status, error, data } = await response.json();
  assert.equal(status, 'success', `${expr}\n${error}`);
  const samples = data.resultType === 'vector' ? data.result : [{ metric: {}, value: data.result }];
  return samples.filter(({ value: [, value] }) => value !== 'NaN');
}
