// The rules, the dashboards and the runbook hold together, and promtool says that the rules do what they should.
//
//   npm ci --prefix client && node --test tests/deploy/observability.test.mjs

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  alerts, annotations, dashboards, groups, OBSERVABILITY, operatorsGroups, queries, recordings, ruleTests, selectors,
} from './expressions.mjs';

const run = promisify(execFile);
const path = (name) => fileURLToPath(new URL(name, OBSERVABILITY));
const doc = (name) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const unique = (values) => [...new Set(values)].sort();

describe('what promtool says', () => {
  test('Prometheus takes the configuration and the rules', () => run('promtool', ['check', 'config', path('prometheus/prometheus.yml')]));

  for (const { path: file } of ruleTests) test(file, () => run('promtool', ['test', 'rules', path(file)]));
});

test('the dashboards and the rule object are what the code makes', () => run(process.execPath, [path('generate.mjs'), '--check']));

test('the Prometheus operator is given the very same rules', () => assert.deepEqual(operatorsGroups, groups));

describe('alerts', () => {
  test('have a severity, a text, a dashboard and an entry in the runbook, and the runbook has no other', () => {
    const uids = dashboards.map(({ uid }) => `/d/${uid}`);
    for (const { alert, labels, annotations } of alerts) {
      assert(['page', 'ticket'].includes(labels.severity), alert);
      assert(annotations.summary && annotations.description, alert);
      assert.equal(annotations.runbook_url, `docs/runbook.md#${alert.toLowerCase()}`);
      assert(uids.includes(annotations.dashboard), alert);
    }
    const entries = doc('runbook.md').split(/^### /m).slice(1).map((entry) => entry.split(/^## /m)[0]);
    assert.deepEqual(entries.map((entry) => entry.split('\n')[0]), alerts.map(({ alert }) => alert));
    for (const entry of entries) {
      for (const part of ['Means', 'Users', 'See', '(?:See and d|D)o', 'Don\'t', 'Over']) assert.match(entry, new RegExp(`^- \\*\\*${part}`, 'm'));
    }
  });

  test('are tested both ways: each is seen to fire, and not to', () => {
    const cases = ruleTests.flatMap(({ tests }) => tests.flatMap(({ alert_rule_test = [] }) => alert_rule_test));
    const names = (isIt) => unique(cases.filter(isIt).map(({ alertname }) => alertname));
    const all = unique(alerts.map(({ alert }) => alert));
    assert.deepEqual(names(({ exp_alerts }) => exp_alerts.length > 0), all);
    assert.deepEqual(names(({ exp_alerts }) => exp_alerts.length === 0), all);
  });
});

describe('expressions', () => {
  const all = [...queries, ...annotations, ...[...alerts, ...recordings].map(({ alert, record, expr }) => ({ where: alert ?? record, expr }))];

  test('name metrics that the nodes have', () => {
    const documented = new Map([...doc('metrics.md').matchAll(/^\| `(switchboard_\w+)` \| (\w+) \|/gm)].map(([, name, type]) => [name, type]));
    for (const { where, expr } of all) {
      for (const [name] of expr.matchAll(/(?<!:)\bswitchboard_\w+/g)) {
        const histogram = name.replace(/_(bucket|sum|count)$/, '');
        assert(documented.get(histogram) === 'histogram' ? histogram !== name : documented.has(name), `${name} in ${where}`);
      }
    }
  });

  test('of the runbook likewise', () => {
    for (const name of doc('runbook.md').match(/\bswitchboard_\w+/g)) assert.match(doc('metrics.md'), new RegExp(`^\\| \`${name}\``, 'm'));
  });

  test('name what is recorded, all of it', () => {
    const used = unique(all.flatMap(({ expr }) => expr.match(/\b(switchboard|instance):[\w:]+/g) ?? []));
    assert.deepEqual(used, unique(recordings.map(({ record }) => record)));
  });

  test('say whose metrics they mean', () => {
    for (const { where, expr } of all) {
      for (const { text, metric } of selectors(expr)) assert(/:|^ALERTS$/.test(metric) || /job="\w+"/.test(text), `${text} in ${where}`);
    }
  });
});

describe('dashboards', () => {
  test('say of each panel what is normal, in a unit', () => {
    for (const { title: dashboard, panels } of dashboards) {
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
      for (const { type, title, description, fieldConfig, options } of panels) {
        if (type === 'row') continue;
        assert(title && description?.endsWith('.'), `${dashboard}, ${title}`);
        assert(type === 'state-timeline' || fieldConfig.defaults.unit || options.yAxis?.unit, `the unit of ${dashboard}, ${title}`);
      }
    }
  });

  test('have panels beside and below each other, not upon each other', () => {
    for (const { title, panels } of dashboards) {
      const taken = new Set();
      for (const { gridPos: { x, y, w, h } } of panels) {
        assert(x + w <= 24, title);
        for (let i = x; i < x + w; i++) for (let j = y; j < y + h; j++) assert(!taken.has(`${i},${j}`) && taken.add(`${i},${j}`), title);
      }
    }
  });

  test('lead to dashboards that there are', () => {
    const uids = dashboards.map(({ uid }) => uid);
    const links = JSON.stringify(dashboards).match(/\/d\/[\w-]+/g);
    assert(links.length > 0);
    for (const link of links) assert(uids.includes(link.slice(3)), link);
  });
});
