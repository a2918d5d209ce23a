#!/usr/bin/env node
/*
 * Writes what others read of what is written here: Grafana's dashboards from grafana/source, and the rule object of the
 * Prometheus operator from prometheus/rules.
 *
 *   deploy/observability/generate.mjs [--check]
 *
 * --check writes nothing, and fails where a file isn't what would be written.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import cluster from './grafana/source/cluster.mjs';
import node from './grafana/source/node.mjs';
import redis from './grafana/source/redis.mjs';
import sessions from './grafana/source/sessions.mjs';

const RULES = new URL('prometheus/rules/', import.meta.url);
const DASHBOARDS = new URL('grafana/dashboards/', import.meta.url);
const RULE_OBJECT = new URL('../kubernetes/components/monitoring/prometheus-rule.yaml', import.meta.url);

const files = [
  ...Object.entries({ cluster, node, redis, sessions }).map(([name, dashboard]) => [new URL(`${name}.json`, DASHBOARDS), `${JSON.stringify(dashboard, null, 2)}\n`]),
  [RULE_OBJECT, await ruleObject()],
];

let stale = 0;
for (const [file, text] of files) {
  if (process.argv.includes('--check')) {
    if (await readFile(file, 'utf8').catch(() => null) === text) continue;
    console.error(`${fileURLToPath(file)} is stale: run deploy/observability/generate.mjs`);
    stale += 1;
  } else {
    await mkdir(new URL('.', file), { recursive: true });
    await writeFile(file, text);
  }
}
process.exitCode = stale ? 1 : 0;

/** The groups of all rule files, as they are, comments included, in one PrometheusRule. */
async function ruleObject() {
  const names = (await readdir(RULES)).sort();
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, RULES), 'utf8')));
  const groups = texts.map((text) => text.split(/^groups:\n/m)[1].trimEnd().replace(/^(?=.)/gm, '  '));
  return `# Made by deploy/observability/generate.mjs from deploy/observability/prometheus/rules. Change those.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: switchboard
  labels:
    app.kubernetes.io/name: switchboard
    app.kubernetes.io/part-of: switchboard
spec:
  groups:
${groups.join('\n\n')}
`;
}
