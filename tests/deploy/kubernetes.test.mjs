// What must hold of deploy/kubernetes, and no schema knows: what settings, probes, times, labels, ports and secrets have to do
// with each other.
//
//   npm ci --prefix client && node --test tests/deploy/
//   RENDERED=FOLDER node --test tests/deploy/      of what kustomize made of each overlay, FOLDER/NAME.yaml
//
// Without RENDERED it reads the files that each overlay names, and doesn't apply patches: no kubectl is needed.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const require = createRequire(new URL('../../client/package.json', import.meta.url));
const YAML = require('yaml');

const root = fileURLToPath(new URL('../../', import.meta.url));
const home = join(root, 'deploy/kubernetes');
const read = (path) => readFileSync(join(root, path), 'utf8');
const objectsOf = (text) => YAML.parseAllDocuments(text).map((document) => document.toJS());

/** A kustomization and all that it is made of: its objects, the files that it generates from, and every file it read. */
function collect(folder) {
  const path = join(folder, 'kustomization.yaml');
  const [kustomization] = objectsOf(readFileSync(path, 'utf8'));
  const { resources = [], components = [], patches = [], configMapGenerator = [], secretGenerator = [] } = kustomization;
  const files = configMapGenerator.flatMap((generator) => generator.files ?? []).map((name) => join(folder, name));
  const all = {
    objects: [],
    files: new Set([path, ...files, ...patches.flatMap((patch) => (patch.path ? [join(folder, patch.path)] : []))]),
    settings: Object.assign({}, ...files.map((file) => settingsOf(readFileSync(file, 'utf8')))),
    generatedSecrets: secretGenerator.map(({ name }) => name),
  };
  for (const part of [...resources, ...components].map((name) => join(folder, name))) {
    if (part.endsWith('.yaml')) {
      all.files.add(part);
      all.objects.push(...objectsOf(readFileSync(part, 'utf8')));
      continue;
    }
    const inner = collect(part);
    inner.files.forEach((file) => all.files.add(file));
    all.objects.push(...inner.objects);
    all.generatedSecrets.push(...inner.generatedSecrets);
    Object.assign(all.settings, inner.settings);
  }
  return all;
}

/** What kustomize made of an overlay. */
function rendered(name) {
  const objects = objectsOf(readFileSync(join(process.env.RENDERED, `${name}.yaml`), 'utf8'));
  const [settings] = objects.filter(({ kind }) => kind === 'ConfigMap').map(({ data }) => data['switchboard.toml']);
  const generatedSecrets = objects.filter(({ kind }) => kind === 'Secret').map(({ metadata }) => metadata.name);
  return { objects, settings: settingsOf(settings), generatedSecrets };
}

/** The settings of a TOML file of plain lines, whose values are JSON as well. */
function settingsOf(toml) {
  const lines = toml.split('\n').filter((line) => line.trim() && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => {
    const [key, value] = line.split(/ = (.*)/);
    return [key, JSON.parse(value)];
  }));
}

/** Every setting of docs/configuration.md by its name: what it takes, and its default. */
const known = Object.fromEntries(
  [...read('docs/configuration.md').matchAll(/^\| `--([a-z0-9-]+)` \| `([A-Z:-]+)` \| (?:`([^`]*)`)? \|/gm)]
    .map(([, name, takes, standard]) => [name, { takes, standard }]),
);

function seconds(time) {
  const [, number, unit] = time.match(/^(\d+)(ms|s|m|h)$/);
  return Number(number) * { ms: 0.001, s: 1, m: 60, h: 3600 }[unit];
}

const matches = (selector = {}, labels = {}) => Object.entries(selector).every(([key, value]) => labels[key] === value);

/** How many more sockets a node has when a third of the nodes is lost. */
const LOST_ZONE = 3 / 2;
/** By how much an autoscaler lets a figure exceed its target (--horizontal-pod-autoscaler-tolerance). */
const TOLERANCE = 1.1;
/** What a node takes after its drain, as docs/operations.md says. */
const AFTER_DRAIN = 10;

const overlays = readdirSync(join(home, 'overlays'));

for (const name of overlays) {
  describe(`deploy/kubernetes/overlays/${name}`, () => {
    const { objects, settings, generatedSecrets } =
      process.env.RENDERED ? rendered(name) : collect(join(home, 'overlays', name));
    const ofKind = (kind) => objects.filter((object) => object.kind === kind);
    const named = (kind, name) => ofKind(kind).find(({ metadata }) => metadata.name === name);
    const setting = (name) => settings[name] ?? known[name].standard;

    const deployment = named('Deployment', 'switchboard');
    const { spec: pod, metadata: { labels } } = deployment.spec.template;
    const [container] = pod.containers;
    const portOf = (name) => container.ports.find((port) => port.name === name)?.containerPort;
    const preStop = container.lifecycle.preStop.sleep.seconds;

    test('gives only settings that there are, with values of their kind', () => {
      assert.ok(Object.keys(known).length > 50);
      for (const [key, value] of Object.entries(settings)) {
        assert.ok(known[key], `${key} is no setting`);
        const kinds = { NUMBER: Number.isInteger(value), BOOL: typeof value === 'boolean' };
        const texts = [value].flat().every((text) => typeof text === 'string');
        assert.ok(kinds[known[key].takes] ?? texts, `${key} = ${JSON.stringify(value)}`);
      }
      const variables = container.env.map((variable) => variable.name).filter((name) => name.startsWith('SWITCHBOARD_'));
      for (const variable of variables) {
        const key = variable.slice('SWITCHBOARD_'.length).toLowerCase().replaceAll('_', '-');
        assert.ok(known[key], `${variable} is no setting`);
        assert.ok(!(key in settings), `${key} is in the file, too, where it does nothing`);
      }
      assert.equal(pod.enableServiceLinks, false, 'the Service would put SWITCHBOARD_… into the environment');
    });

    test('has a cluster, and a door', () => {
      assert.ok(container.env.some(({ name, valueFrom }) => name === 'SWITCHBOARD_REDIS' && !valueFrom.secretKeyRef.optional));
      assert.ok(settings['auth-key'] || settings['auth-jwks'] || settings['allow-anonymous']);
      assert.equal(Boolean(settings['allow-anonymous']), name === 'dev', 'anybody may come in');
    });

    test('asks where the node answers', () => {
      assert.equal(settings.listen, `0.0.0.0:${portOf('http')}`);
      assert.equal(settings['admin-listen'], `0.0.0.0:${portOf('admin')}`);
      const path = ({ httpGet }) => `${httpGet.port}${httpGet.path}`;
      assert.equal(path(container.startupProbe), 'admin/livez');
      assert.equal(path(container.livenessProbe), 'admin/livez', 'a Redis that is away must not restart nodes');
      assert.equal(path(container.readinessProbe), 'admin/readyz');
    });

    test('is patient enough', () => {
      const patience = ({ periodSeconds, failureThreshold }) => periodSeconds * failureThreshold;
      // Nobody answers before Redis does.
      assert.ok(patience(container.startupProbe) > seconds(setting('redis-start-timeout')));
      // /readyz fails when a lease has run out. A failover that takes as long again takes no node out.
      const { periodSeconds, failureThreshold } = container.readinessProbe;
      assert.ok(periodSeconds * (failureThreshold - 1) > seconds(setting('lease')));
      assert.ok(patience(container.livenessProbe) > patience(container.readinessProbe));
    });

    test('lets a node drain, and one at a time', () => {
      const drain = seconds(setting('drain'));
      assert.ok(preStop > 0);
      assert.ok(pod.terminationGracePeriodSeconds >= preStop + drain + AFTER_DRAIN);
      assert.ok(deployment.spec.minReadySeconds >= preStop + drain);
      assert.deepEqual(deployment.spec.strategy.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 });
      assert.equal(named('PodDisruptionBudget', 'switchboard').spec.maxUnavailable, 1);
    });

    test('selects the pods that are meant', () => {
      const selectors = [
        deployment.spec.selector.matchLabels,
        named('Service', 'switchboard').spec.selector,
        named('Service', 'switchboard-admin').spec.selector,
        named('PodDisruptionBudget', 'switchboard').spec.selector.matchLabels,
        ...pod.topologySpreadConstraints.map((constraint) => constraint.labelSelector.matchLabels),
      ];
      for (const selector of selectors) {
        assert.notDeepEqual(selector, {});
        assert.ok(matches(selector, labels), JSON.stringify(selector));
      }
      const pods = ofKind('Deployment').map(({ spec }) => spec.template.metadata.labels);
      for (const { metadata, spec } of ofKind('NetworkPolicy')) {
        assert.ok(pods.some((labels) => matches(spec.podSelector.matchLabels, labels)), `${metadata.name} is for nobody`);
      }
    });

    test('spreads over hosts, and in a cluster of zones over these', () => {
      const keys = pod.topologySpreadConstraints.map(({ topologyKey }) => topologyKey);
      assert.ok(keys.includes('kubernetes.io/hostname'));
      // It comes by a patch.
      if (process.env.RENDERED && name === 'production') assert.ok(keys.includes('topology.kubernetes.io/zone'));
    });

    test('sends clients and operators to the right port, and lets nobody else in', () => {
      const ports = (service) => named('Service', service).spec.ports.map(({ name, targetPort }) => [name, targetPort]);
      assert.deepEqual(ports('switchboard'), [['http', 'http']], 'the admin listener is for operators');
      assert.deepEqual(ports('switchboard-admin'), [['admin', 'admin']]);
      assert.deepEqual(named('NetworkPolicy', 'default-deny').spec, { podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
      for (const { metadata, spec } of ofKind('NetworkPolicy')) {
        for (const peer of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
          assert.ok((peer.from ?? peer.to)?.length && peer.ports?.length, `${metadata.name} is open to all`);
        }
        if (!matches(spec.podSelector.matchLabels, labels)) continue;
        for (const { port } of (spec.ingress ?? []).flatMap((peer) => peer.ports)) {
          assert.ok(portOf(port), `${metadata.name}: ${port} is no port of the node`);
        }
      }
    });

    test('trusts the proxy that clients come by', () => {
      const ways = [...ofKind('Ingress'), ...ofKind('HTTPRoute')];
      // Else all clients have one address, and --max-sockets-per-address is for all of them.
      assert.equal(ways.length > 0, Boolean(settings['trusted-proxy']));
    });

    test('finds each secret in the Secret, and has none itself', () => {
      const keys = container.env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []);
      const volume = pod.volumes.find(({ secret }) => secret);
      const { mountPath } = container.volumeMounts.find((mount) => mount.name === volume.name);
      const files = Object.values(settings).flat().flatMap((value) => `${value}`.match(/^file:(.*)/)?.[1] ?? []);
      for (const file of files) assert.equal(dirname(file), mountPath, `${file} isn't there`);
      for (const { name } of [...keys, { name: volume.secret.secretName }]) {
        assert.equal(name.replace(/-[a-z0-9]{10}$/, ''), 'switchboard');
      }
      const documented = [...read('docs/kubernetes.md').matchAll(/^ *\| `([a-z-]+)` \|/gm)].map(([, key]) => key);
      for (const key of [...keys.map(({ key }) => key), ...files.map((file) => file.slice(mountPath.length + 1))]) {
        assert.ok(documented.includes(key), `docs/kubernetes.md doesn't say what ${key} is`);
      }
      assert.equal(generatedSecrets.length > 0, name === 'dev', 'secrets are not for git');
    });

    for (const { metadata, spec } of ofKind('Deployment')) {
      test(`keeps ${metadata.name} to the restricted profile`, () => {
        const { spec: pod } = spec.template;
        assert.equal(pod.securityContext.runAsNonRoot, true);
        assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' });
        assert.equal(pod.automountServiceAccountToken, false);
        for (const { securityContext, resources } of pod.containers) {
          assert.deepEqual(securityContext, {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          assert.ok(resources.requests.cpu && resources.requests.memory && resources.limits.memory);
          assert.ok(!resources.limits.cpu, 'a throttled node pauses, and a paused one loses its lease');
        }
        assert.equal(named('Namespace', 'switchboard').metadata.labels['pod-security.kubernetes.io/enforce'], 'restricted');
      });
    }

    if (name === 'dev') return; // A fixed number of nodes, and nobody looks.

    test('scales by sockets, soon up and slowly down', () => {
      const { scaleTargetRef, minReplicas, metrics, behavior } = named('HorizontalPodAutoscaler', 'switchboard').spec;
      assert.equal(`${scaleTargetRef.kind} ${scaleTargetRef.name}`, 'Deployment switchboard');
      assert.equal(deployment.spec.replicas, undefined, 'each apply would undo what the autoscaler did');
      assert.ok(minReplicas >= 3);
      const { metric, target } = metrics.find(({ type }) => type === 'Pods').pods;
      assert.ok(read('docs/metrics.md').includes(`| \`${metric.name}\` | gauge |`));
      assert.ok(Number(target.averageValue) * TOLERANCE * LOST_ZONE <= setting('max-sockets'));
      assert.ok(behavior.scaleDown.stabilizationWindowSeconds >= 600);
      assert.deepEqual(behavior.scaleDown.policies, [{ type: 'Pods', value: 1, periodSeconds: 300 }]);

      const [adapter] = objectsOf(read('deploy/kubernetes/components/autoscaling/prometheus-adapter-values.yaml'));
      const [rule] = adapter.rules.custom;
      assert.ok(rule.seriesQuery.startsWith(`${metric.name}{job="switchboard",`));
    });

    test('is scraped as the job that dashboards know', () => {
      const monitor = named('ServiceMonitor', 'switchboard');
      const selected = ({ metadata }) => matches(monitor.spec.selector.matchLabels, metadata.labels);
      const [service, ...others] = ofKind('Service').filter(selected);
      assert.deepEqual(others, []);
      assert.equal(service.metadata.labels[monitor.spec.jobLabel], 'switchboard');
      const [{ port, path, interval }] = monitor.spec.endpoints;
      assert.ok(service.spec.ports.some((known) => known.name === port));
      assert.deepEqual([path, interval], ['/metrics', '15s']);
    });
  });
}

describe('deploy/kubernetes', () => {
  const everywhere = readdirSync(home, { recursive: true }).map((name) => join(home, name));
  const components = readdirSync(join(home, 'components')).map((name) => collect(join(home, 'components', name)));

  test('has no file that nothing reads', () => {
    const parts = [...overlays.map((name) => collect(join(home, 'overlays', name))), ...components];
    const used = new Set(parts.flatMap(({ files }) => [...files]));
    const left = everywhere.filter((path) => /\.(yaml|toml)$/.test(path) && !used.has(path));
    assert.deepEqual(left.map((path) => relative(home, path)), ['components/autoscaling/prometheus-adapter-values.yaml']);
  });

  test('leads to the Service by each way in, and lets a WebSocket last', () => {
    const ways = components.flatMap(({ objects }) => objects).filter(({ kind }) => ['Ingress', 'HTTPRoute'].includes(kind));
    assert.equal(ways.length, 2);
    const [service] = objectsOf(read('deploy/kubernetes/base/service.yaml'));
    const [{ name, port }] = service.spec.ports;
    for (const { kind, metadata, spec } of ways) {
      if (kind === 'Ingress') {
        const [{ http: { paths: [{ backend }] } }] = spec.rules;
        assert.deepEqual(backend.service, { name: service.metadata.name, port: { name } });
        for (const direction of ['read', 'send']) {
          assert.equal(metadata.annotations[`nginx.ingress.kubernetes.io/proxy-${direction}-timeout`], '3600');
        }
      } else {
        const [{ backendRefs, timeouts }] = spec.rules;
        assert.deepEqual(backendRefs, [{ name: service.metadata.name, port }]);
        assert.deepEqual(timeouts, { request: '0s', backendRequest: '0s' });
      }
    }
  });

  test('names the image of this version', () => {
    const [, version] = read('Cargo.toml').match(/^version = "(.*)"$/m);
    const [{ images }] = objectsOf(read('deploy/kubernetes/overlays/production/kustomization.yaml'));
    assert.equal(images[0].newTag, version);
  });
});
