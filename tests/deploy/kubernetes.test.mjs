// What must hold of deploy/kubernetes, and no schema knows: what settings, probes, times, labels, ports and secrets have to
// do with each other, and with the image.
//
//   npm ci --prefix client && node --test tests/deploy/kubernetes.test.mjs
//
// With RENDERED=FOLDER, kustomize.mjs is compared with what kubectl made of each overlay, FOLDER/NAME.yaml.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { build, collect, objectsIn } from './kustomize.mjs';
import { traffic } from './network-policy.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const home = join(root, 'deploy/kubernetes');
const read = (path) => readFileSync(join(root, path), 'utf8');
const page = read('docs/kubernetes.md');

/** The traffic that network policies let through, beside which there is none. */
const DNS = 'pods(*) -> namespace(kubernetes.io/metadata.name=kube-system) pods(k8s-app=kube-dns): 53/UDP 53/TCP';
const NODES = 'pods(app.kubernetes.io/name=switchboard)';
const REDIS = 'pods(app.kubernetes.io/name=redis)';
const TRAFFIC = {
  'overlays/dev': [
    DNS,
    `${NODES} -> ${REDIS}: 6379/TCP`,
    `${REDIS} <- ${NODES}: 6379/TCP`,
  ],
  'overlays/production': [
    DNS,
    `${NODES} <- namespace(kubernetes.io/metadata.name=envoy-gateway-system|ingress-nginx): http/TCP`,
    `${NODES} <- namespace(kubernetes.io/metadata.name=monitoring): admin/TCP`,
    `${NODES} -> 10.64.0.0/24: 6379/TCP`,
  ],
  'components/outbound': [
    `${NODES} -> 0.0.0.0/0 but 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16: 443/TCP`,
    `${NODES} -> namespace(kubernetes.io/metadata.name=monitoring): 4318/TCP`,
  ],
};

/** Zones that a cluster is spread over, of which one may be lost. */
const ZONES = 3;
/** By how much an autoscaler lets a figure exceed its target (--horizontal-pod-autoscaler-tolerance). */
const TOLERANCE = 1.1;
/** What a node takes after its drain, as docs/operations.md says. */
const AFTER_DRAIN = 10;
/** The shortest prefix of a network that may be a gateway's alone. */
const SHORTEST_PREFIX = 16;

/** Every setting of docs/configuration.md by its name: what it takes, and its default. */
const known = Object.fromEntries(
  [...read('docs/configuration.md').matchAll(/^\| `--([a-z0-9-]+)` \| `([A-Z:-]+)` \| (?:`([^`]*)`)? \|/gm)]
    .map(([, name, takes, standard]) => [name, { takes, standard }]),
);

const image = imageOf(read('deploy/Dockerfile'));

/** The image that a Dockerfile ends with: the settings in its environment, its user, and what it starts. */
function imageOf(dockerfile) {
  const stage = dockerfile.split(/^FROM /m).at(-1);
  const variables = [...stage.matchAll(/\b(SWITCHBOARD_[A-Z_]+)=(\S+)/g)];
  return {
    environment: Object.fromEntries(variables.map(([, name, value]) => [settingOf(name), value])),
    user: Number(stage.match(/^USER (\d+)/m)[1]),
    entrypoint: JSON.parse(stage.match(/^ENTRYPOINT (.*)$/m)[1]),
  };
}

/** Which setting a variable of the environment is. */
function settingOf(variable) {
  return variable.slice('SWITCHBOARD_'.length).toLowerCase().replaceAll('_', '-');
}

/** The settings of a TOML file of plain lines, whose values are JSON as well. */
function settingsOf(toml) {
  const lines = toml.split('\n').filter((line) => line.trim() && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => {
    const [key, value] = line.split(/ = (.*)/);
    return [key, JSON.parse(value)];
  }));
}

function seconds(time) {
  const [, number, unit] = time.match(/^(\d+)(ms|s|m|h)$/);
  return Number(number) * { ms: 0.001, s: 1, m: 60, h: 3600 }[unit];
}

const matches = (selector = {}, labels = {}) => Object.entries(selector).every(([key, value]) => labels[key] === value);

const ofKindIn = (objects) => (kind) => objects.filter((object) => object.kind === kind);
const overlays = readdirSync(join(home, 'overlays'));

for (const name of overlays) {
  describe(`deploy/kubernetes/overlays/${name}`, () => {
    const objects = build(join(home, 'overlays', name));
    const ofKind = ofKindIn(objects);
    const named = (kind, name) => ofKind(kind).find(({ metadata }) => metadata.name === name);

    const deployment = named('Deployment', 'switchboard');
    const { spec: pod } = deployment.spec.template;
    const [container] = pod.containers;
    const portOf = (name) => container.ports.find((port) => port.name === name)?.containerPort;
    const variable = (name) => container.env.find((variable) => variable.name === name);

    const [configMap] = ofKind('ConfigMap');
    const settings = settingsOf(configMap.data['switchboard.toml']);
    const setting = (name) => settings[name] ?? known[name].standard;

    describe('settings', () => {
      test('are known ones, with values of their kind', () => {
        assert.ok(Object.keys(known).length > 50);
        for (const [key, value] of Object.entries(settings)) {
          assert.ok(known[key], `${key} is no setting`);
          const kinds = { NUMBER: Number.isInteger(value), BOOL: typeof value === 'boolean' };
          const texts = [value].flat().every((text) => typeof text === 'string');
          assert.ok(kinds[known[key].takes] ?? texts, `${key} = ${JSON.stringify(value)}`);
        }
      });

      test('are each in one place', () => {
        const variables = container.env.map(({ name }) => name).filter((name) => name.startsWith('SWITCHBOARD_'));
        for (const key of [...variables.map(settingOf), ...Object.keys(image.environment)]) {
          assert.ok(known[key], `${key} is no setting`);
          assert.ok(!(key in settings), `${key} is in the file, too, where it does nothing`);
        }
        assert.equal(pod.enableServiceLinks, false, 'the Service would put SWITCHBOARD_… into the environment');
      });

      test('are where the node reads them', () => {
        const [flag, path] = container.args;
        assert.equal(flag, '--config');
        const volume = pod.volumes.find((volume) => volume.configMap?.name === configMap.metadata.name);
        const mount = container.volumeMounts.find((mount) => mount.name === volume?.name);
        assert.equal(mount?.mountPath, dirname(path));
        assert.ok(configMap.data[basename(path)]);
      });

      test('make a cluster, with a door', () => {
        assert.notEqual(variable('SWITCHBOARD_REDIS').valueFrom.secretKeyRef.optional, true);
        assert.ok(settings['auth-key'] || settings['auth-jwks'] || settings['allow-anonymous']);
        assert.equal(Boolean(settings['allow-anonymous']), name === 'dev', 'anybody may come in');
      });

      test('trust the proxy that clients come by, and not much more', () => {
        const ways = [...ofKind('Ingress'), ...ofKind('HTTPRoute')];
        const trusted = settings['trusted-proxy'] ?? [];
        // Else all clients have one address, and --max-sockets-per-address is for all of them.
        assert.equal(trusted.length > 0, ways.length > 0);
        for (const network of trusted) {
          const [, prefix = 32] = network.split('/');
          assert.ok(Number(prefix) >= SHORTEST_PREFIX, `${network} is too wide`);
        }
      });

      test('find each secret in the Secret, which is not for git', () => {
        const keys = container.env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []);
        const volume = pod.volumes.find(({ secret }) => secret);
        const { mountPath } = container.volumeMounts.find((mount) => mount.name === volume.name);
        const files = Object.values(settings).flat().flatMap((value) => `${value}`.match(/^file:(.*)/)?.[1] ?? []);
        for (const file of files) assert.equal(dirname(file), mountPath, `${file} isn't there`);
        for (const { name } of [...keys, { name: volume.secret.secretName }]) assert.equal(name, 'switchboard');
        const documented = [...page.matchAll(/^ *\| `([a-z-]+)` \|/gm)].map(([, key]) => key);
        for (const key of [...keys.map(({ key }) => key), ...files.map((file) => basename(file))]) {
          assert.ok(documented.includes(key), `docs/kubernetes.md doesn't say what ${key} is`);
        }
        assert.equal(ofKind('Secret').length > 0, name === 'dev');
      });
    });

    describe('a pod', () => {
      test('fits the image', () => {
        assert.deepEqual(image.environment, {
          listen: `0.0.0.0:${portOf('http')}`,
          'admin-listen': `0.0.0.0:${portOf('admin')}`,
        });
        assert.equal(pod.securityContext.runAsUser, image.user);
        assert.deepEqual(container.command, image.entrypoint);
      });

      test('is asked where the node answers', () => {
        const path = ({ httpGet }) => `${httpGet.port}${httpGet.path}`;
        assert.equal(path(container.startupProbe), 'admin/livez');
        assert.equal(path(container.livenessProbe), 'admin/livez', 'a Redis that is away must not restart nodes');
        assert.equal(path(container.readinessProbe), 'admin/readyz');
      });

      test('is asked patiently', () => {
        const patience = ({ periodSeconds, failureThreshold }) => periodSeconds * failureThreshold;
        // Nobody answers before Redis does.
        assert.ok(patience(container.startupProbe) > seconds(setting('redis-start-timeout')));
        // /readyz fails when a lease has run out. A failover that takes as long again takes no node out.
        const { periodSeconds, failureThreshold } = container.readinessProbe;
        assert.ok(periodSeconds * (failureThreshold - 1) > seconds(setting('lease')));
        assert.ok(patience(container.livenessProbe) > patience(container.readinessProbe));
      });

      test('has what the page reckons with', () => {
        const { requests, limits } = container.resources;
        const is = (what) => page.match(new RegExp(`^\\| ${what} \\| (\\S+)(?: (\\w)iB)? \\|`, 'm')).slice(1).join('').trim();
        assert.equal(requests.memory, `${is('memory, request')}i`);
        assert.equal(limits.memory, `${is('memory, limit')}i`);
        assert.equal(requests.cpu, is('CPU, request'));
        assert.equal(variable('TOKIO_WORKER_THREADS').value, is('`TOKIO_WORKER_THREADS`'));
      });

      for (const { metadata, spec } of ofKind('Deployment')) {
        test(`of ${metadata.name} keeps to the restricted profile`, () => {
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
    });

    describe('nodes', () => {
      test('have the time to drain, one at a time', () => {
        const preStop = container.lifecycle.preStop.sleep.seconds;
        const drain = seconds(setting('drain'));
        assert.ok(preStop > 0);
        assert.ok(pod.terminationGracePeriodSeconds >= preStop + drain + AFTER_DRAIN);
        assert.ok(deployment.spec.minReadySeconds >= preStop + drain);
        assert.deepEqual(deployment.spec.strategy.rollingUpdate, { maxUnavailable: 0, maxSurge: 1 });
        const { maxUnavailable, unhealthyPodEvictionPolicy } = named('PodDisruptionBudget', 'switchboard').spec;
        assert.deepEqual([maxUnavailable, unhealthyPodEvictionPolicy], [1, 'IfHealthyBudget']);
      });

      test('are spread over hosts, and in a cluster of zones over these', () => {
        const over = (topologyKey, rest) => ({
          maxSkew: 1,
          topologyKey,
          ...rest,
          labelSelector: deployment.spec.selector,
          matchLabelKeys: ['pod-template-hash'],
        });
        const hosts = over('kubernetes.io/hostname', { whenUnsatisfiable: 'ScheduleAnyway' });
        const zones = over('topology.kubernetes.io/zone', { whenUnsatisfiable: 'DoNotSchedule', nodeTaintsPolicy: 'Honor' });
        assert.deepEqual(pod.topologySpreadConstraints, name === 'production' ? [hosts, zones] : [hosts]);
      });

      test('are what is selected, and they alone', () => {
        for (const selector of [
          deployment.spec.selector.matchLabels,
          named('Service', 'switchboard').spec.selector,
          named('Service', 'switchboard-admin').spec.selector,
          named('PodDisruptionBudget', 'switchboard').spec.selector.matchLabels,
        ]) {
          const selected = ofKind('Deployment').filter(({ spec }) => matches(selector, spec.template.metadata.labels));
          assert.deepEqual(selected.map(({ metadata }) => metadata.name), ['switchboard'], JSON.stringify(selector));
        }
      });

      test('are in one namespace with all that is theirs', () => {
        const others = objects.filter(({ kind, metadata }) => kind !== 'Namespace' && metadata.namespace !== 'switchboard');
        assert.deepEqual(others, []);
      });
    });

    describe('traffic', () => {
      test('goes to the right port', () => {
        const ports = (service) => named('Service', service).spec.ports.map(({ name, targetPort }) => [name, targetPort]);
        assert.deepEqual(ports('switchboard'), [['http', 'http']], 'the admin listener is for operators');
        assert.deepEqual(ports('switchboard-admin'), [['admin', 'admin']]);
        assert.equal(named('Service', 'switchboard-admin').spec.publishNotReadyAddresses, true);
      });

      test('is what it has to be, and nothing else', () => {
        const all = { podSelector: {}, policyTypes: ['Ingress', 'Egress'] };
        assert.deepEqual(named('NetworkPolicy', 'default-deny').spec, all);
        assert.deepEqual(ofKind('NetworkPolicy').flatMap(traffic).sort(), TRAFFIC[`overlays/${name}`].sort());
      });
    });

    if (process.env.RENDERED) {
      test('is what kubectl makes of it', () => {
        const text = readFileSync(join(process.env.RENDERED, `${name}.yaml`), 'utf8');
        const made = objectsIn(text.replace(/\bswitchboard-[a-z0-9]{10}$/gm, 'switchboard'));
        const byName = (objects) => new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
        assert.deepEqual(byName(objects), byName(made));
      });
    }
  });
}

describe('deploy/kubernetes/overlays/dev', () => {
  const ofKind = ofKindIn(build(join(home, 'overlays/dev')));

  test('has the Redis that its Secret names', () => {
    const { metadata, spec } = ofKind('Service').find(({ metadata }) => metadata.name === 'redis');
    const redis = ofKind('Deployment').find((deployment) => matches(spec.selector, deployment.spec.template.metadata.labels));
    const [{ port, targetPort }] = spec.ports;
    assert.equal(redis.metadata.name, 'redis');
    // The pod's port, which the policies name.
    assert.deepEqual(redis.spec.template.spec.containers[0].ports, [{ name: targetPort, containerPort: 6379 }]);
    const [{ data }] = ofKind('Secret');
    assert.equal(Buffer.from(data['redis-url'], 'base64').toString(), `redis://${metadata.name}:${port}`);
  });
});

describe('deploy/kubernetes/overlays/production', () => {
  const ofKind = ofKindIn(build(join(home, 'overlays/production')));
  const [deployment] = ofKind('Deployment');
  const [container] = deployment.spec.template.spec.containers;
  const [{ data }] = ofKind('ConfigMap');
  const [{ spec: autoscaler }] = ofKind('HorizontalPodAutoscaler');
  const sockets = autoscaler.metrics.find(({ type }) => type === 'Pods').pods;

  test('has the image of this version', () => {
    const [, version] = read('Cargo.toml').match(/^version = "(.*)"$/m);
    assert.ok(container.image.endsWith(`:${version}`), container.image);
  });

  test('has places for all when a zone is lost', () => {
    const { minReplicas, maxReplicas } = autoscaler;
    assert.ok(minReplicas >= ZONES && maxReplicas > minReplicas);
    const most = Number(sockets.target.averageValue) * TOLERANCE;
    for (let nodes = minReplicas; nodes <= maxReplicas; nodes += 1) {
      const left = nodes - Math.ceil(nodes / ZONES);
      assert.ok((most * nodes) / left <= settingsOf(data['switchboard.toml'])['max-sockets'], `${left} of ${nodes} nodes`);
    }
  });

  test('scales soon up and slowly down, by sockets, and not for a storm', () => {
    const { scaleTargetRef, metrics, behavior: { scaleUp, scaleDown } } = autoscaler;
    assert.equal(`${scaleTargetRef.kind} ${scaleTargetRef.name}`, 'Deployment switchboard');
    assert.equal(deployment.spec.replicas, undefined, 'each apply would undo what the autoscaler did');
    assert.ok(read('docs/metrics.md').includes(`| \`${sockets.metric.name}\` | gauge |`));
    const { resource } = metrics.find(({ type }) => type === 'Resource');
    assert.deepEqual(resource, { name: 'cpu', target: { type: 'Utilization', averageUtilization: 200 } });
    assert.equal(scaleUp.stabilizationWindowSeconds, 0);
    assert.equal(scaleUp.selectPolicy, 'Max');
    assert.ok(scaleDown.stabilizationWindowSeconds >= 600);
    assert.deepEqual(scaleDown.policies, [{ type: 'Pods', value: 1, periodSeconds: 300 }]);
  });

  test('has sockets told to the autoscaler, once for each pod', () => {
    const [{ rules }] = objectsIn(read('deploy/kubernetes/components/autoscaling/prometheus-adapter-values.yaml'));
    const [{ seriesQuery, metricsQuery }] = rules.custom;
    assert.ok(seriesQuery.startsWith(`${sockets.metric.name}{job="switchboard",`));
    assert.equal(metricsQuery, 'max by (<<.GroupBy>>) (<<.Series>>{<<.LabelMatchers>>})');
    assert.equal(rules.default, false);
  });

  test('is scraped as the job that dashboards know, each node by its name', () => {
    const [{ spec }] = ofKind('ServiceMonitor');
    const isMeant = ({ metadata }) => matches(spec.selector.matchLabels, metadata.labels);
    const [service, ...others] = ofKind('Service').filter(isMeant);
    assert.deepEqual(others, []);
    assert.equal(service.metadata.labels[spec.jobLabel], 'switchboard');
    assert.deepEqual(spec.endpoints, [{
      port: service.spec.ports[0].name,
      path: '/metrics',
      interval: '15s',
      relabelings: [{ sourceLabels: ['__meta_kubernetes_pod_name'], targetLabel: 'instance' }],
    }]);
  });

  test('has the rules for alerts', () => {
    assert.deepEqual(ofKind('PrometheusRule').map(({ metadata }) => metadata.name), ['switchboard']);
  });
});

describe('deploy/kubernetes/components', () => {
  const component = (name) => collect(join(home, 'components', name));
  const [service] = objectsIn(read('deploy/kubernetes/base/service.yaml'));
  const [{ name, port }] = service.spec.ports;

  test('outbound lets out what it says', () => {
    assert.deepEqual(component('outbound').objects.flatMap(traffic), TRAFFIC['components/outbound']);
  });

  test('gateway-api leads to the Service, and lets a WebSocket last', () => {
    const { objects: [{ spec: { rules: [{ backendRefs, timeouts }] } }], patches } = component('gateway-api');
    assert.deepEqual(backendRefs, [{ name: service.metadata.name, port }]);
    assert.deepEqual(timeouts, { request: '0s', backendRequest: '0s' });
    assert.deepEqual(patches.map(({ operations: [{ path, value }] }) => [path, value]), [
      ['/spec/ports/0/appProtocol', 'kubernetes.io/ws'],
    ]);
  });

  test('ingress-nginx leads to the Service, and lets a WebSocket last', () => {
    const [{ metadata, spec: { rules: [{ http: { paths: [{ backend }] } }] } }] = component('ingress-nginx').objects;
    assert.deepEqual(backend.service, { name: service.metadata.name, port: { name } });
    for (const direction of ['read', 'send']) {
      assert.equal(metadata.annotations[`nginx.ingress.kubernetes.io/proxy-${direction}-timeout`], '3600');
    }
  });

  test('are all read, and so is each overlay, but for the values of a chart', () => {
    const folders = ['components', 'overlays'].flatMap((kind) =>
      readdirSync(join(home, kind)).map((name) => join(home, kind, name)));
    const used = new Set(folders.flatMap((folder) => [...collect(folder).files]));
    const files = readdirSync(home, { recursive: true }).filter((path) => /\.(yaml|toml)$/.test(path));
    const left = files.filter((path) => !used.has(join(home, path)));
    assert.deepEqual(left, ['components/autoscaling/prometheus-adapter-values.yaml']);
  });
});
