/* The expressions of the dashboards and rules, each with where it stands. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const YAML = createRequire(new URL('../../client/package.json', import.meta.url))('yaml');
export const OBSERVABILITY = new URL('../../deploy/observability/', import.meta.url);

const inFolder = (folder) => readdirSync(new URL(folder, OBSERVABILITY)).sort().map((name) => `${folder}${name}`);
const read = (path) => readFileSync(new URL(path, OBSERVABILITY), 'utf8');

export const dashboards = inFolder('grafana/dashboards/').map((path) => JSON.parse(read(path)));
export const ruleTests = inFolder('prometheus/tests/').map((path) => ({ path, ...YAML.parse(read(path)) }));

export const groups = inFolder('prometheus/rules/').flatMap((path) => YAML.parse(read(path)).groups);
/** Those that the Prometheus operator is given. */
export const operatorsGroups = YAML.parse(read('../kubernetes/components/monitoring/prometheus-rule.yaml')).spec.groups;

const rules = groups.flatMap(({ rules }) => rules);
/** @type {{ alert: string, expr: string, for?: string, labels: Record<string, string>, annotations: Record<string, string> }[]} */
export const alerts = rules.filter(({ alert }) => alert);
/** @type {{ record: string, expr: string }[]} */
export const recordings = rules.filter(({ record }) => record);

/** Those of the panels as Grafana sends them, with all nodes chosen. */
export const queries = dashboards.flatMap(({ title: dashboard, panels }) => panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ where: `${dashboard}, ${title}`, expr: filled(expr) }))));

export const annotations = dashboards.flatMap(({ title, annotations }) => annotations.list.map(({ name, expr }) => ({ where: `${title}, ${name}`, expr: filled(expr) })));

/** The selectors in an expression: a metric, and the matchers of its labels. */
export function selectors(expr) {
  return [...expr.matchAll(/([a-zA-Z_][\w:]*)\{([^}]*)\}/g)].map(([text, metric]) => ({ text, metric }));
}

function filled(expr) {
  return expr.replaceAll('$__rate_interval', '1m').replaceAll('$namespace', '.*').replaceAll('$instance', '.*');
}
