/* What the dashboards are made of: panels in Grafana's JSON, each from its queries, its unit and what is normal. */

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const WIDTH = 24;

/** What means the same has the same colour on each panel; all else takes the next one. */
const COLOURS = {
  joined: 'green', resumed: 'blue', detached: 'yellow', delivered: 'green', sent: 'blue', received: 'purple',
  unavailable: 'red', dropped: 'red', lost: 'red', internal: 'red', refused: 'red', taken: 'red',
  overloaded: 'dark-red', room_full: 'orange', slow_consumer: 'orange', expired: 'orange', session_expired: 'orange', retried: 'orange',
  rate_limited: 'yellow', unauthorized: 'purple', forbidden: 'dark-purple', restart: 'blue',
  p50: 'green', p99: 'orange',
};

export const GREEN = 'green';
export const AMBER = 'orange';
export const RED = 'red';
export const BLUE = 'blue';

/** Series of the nodes, those of one namespace where there are several deployments. */
export const nodes = (metric, ...matchers) => series(metric, 'job="switchboard"', 'namespace=~"$namespace"', ...matchers);

/** Series of the nodes that the dashboard's variable names. */
export const chosen = (metric, ...matchers) => nodes(metric, 'instance=~"$instance"', ...matchers);

/** Series of Redis' exporter. */
export const redis = (metric, ...matchers) => series(metric, 'job="redis"', ...matchers);

const series = (metric, ...matchers) => `${metric}{${matchers.join(',')}}`;

export const rate = (of) => `rate(${of}[$__rate_interval])`;
export const sum = (of, by = []) => (by.length ? `sum by (${by.join(', ')}) (${of})` : `sum(${of})`);

/** So much of a histogram's values is below what this says. */
export const quantile = (q, histogram, by = []) => `histogram_quantile(${q}, ${sum(rate(histogram), [...by, 'le'])})`;

/** One query of a panel. */
export const query = (expr, legend = '') => ({ expr, legend });

/** A number, on a ground that says whether it is well where `steps` has the colours, and from which value on. */
export function tile(title, description, expr, { unit = 'none', steps, decimals, noValue, link } = {}) {
  return {
    width: 3, height: 4, type: 'stat', title, description,
    targets: targets([query(expr)], { instant: true }),
    fieldConfig: {
      defaults: {
        unit, decimals, noValue, color: { mode: 'thresholds' }, thresholds: thresholds(steps ?? ['text']),
        links: link ? [{ title: link.title, url: link.url }] : [],
      },
      overrides: [],
    },
    options: {
      colorMode: steps ? 'background' : 'value', graphMode: 'none', justifyMode: 'center', orientation: 'auto', textMode: 'value',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    },
  };
}

/** Lines over time, or areas upon each other. `steps` draws where it stops being normal. */
export function chart(title, description, queries, { unit, stacked = false, steps, width = 8, decimals, axis }) {
  return {
    width, height: 8, type: 'timeseries', title, description,
    targets: targets(queries),
    fieldConfig: {
      defaults: {
        unit, min: 0, decimals, color: { mode: 'palette-classic' }, thresholds: thresholds(steps ?? [GREEN]),
        custom: {
          drawStyle: 'line', lineInterpolation: 'linear', lineWidth: stacked ? 1 : 2, fillOpacity: stacked ? 40 : 5, gradientMode: 'none',
          showPoints: 'never', pointSize: 5, spanNulls: false, axisPlacement: 'auto', axisLabel: axis ?? '', axisSoftMax: steps && 1.2 * steps.at(-1)[0],
          stacking: { mode: stacked ? 'normal' : 'none', group: 'A' }, thresholdsStyle: { mode: steps ? 'dashed' : 'off' },
          scaleDistribution: { type: 'linear' }, hideFrom: { legend: false, tooltip: false, viz: false },
        },
      },
      overrides: coloured(queries),
    },
    options: {
      legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'], sortBy: 'Max', sortDesc: true, showLegend: true },
      tooltip: { mode: 'multi', sort: 'desc' },
    },
  };
}

/** How many there were of which size, over time, from a histogram's buckets. */
export function heatmap(title, description, histogram, { unit = 's' } = {}) {
  return {
    width: 8, height: 8, type: 'heatmap', title, description,
    targets: targets([query(sum(rate(histogram), ['le']), '{{le}}')], { format: 'heatmap' }),
    fieldConfig: { defaults: { custom: { scaleDistribution: { type: 'linear' } } }, overrides: [] },
    options: {
      calculate: false, cellGap: 1, rowsFrame: { layout: 'auto' }, showValue: 'never',
      color: { mode: 'scheme', scheme: 'Blues', fill: 'dark-blue', scale: 'exponential', exponent: 0.5, steps: 64, reverse: true },
      filterValues: { le: 1e-9 }, legend: { show: true }, tooltip: { mode: 'single', yHistogram: false },
      yAxis: { unit, axisPlacement: 'left', reverse: false },
    },
  };
}

/** What was the case when: a bar for each series. */
export function timeline(title, description, queries, { steps, mappings }) {
  return {
    width: 24, height: 4, type: 'state-timeline', title, description,
    targets: targets(queries),
    fieldConfig: {
      defaults: { mappings, color: { mode: 'thresholds' }, thresholds: thresholds(steps), custom: { lineWidth: 0, fillOpacity: 80 } },
      overrides: [],
    },
    options: { mergeValues: true, showValue: 'never', alignValue: 'left', rowHeight: 0.8, legend: { showLegend: false, displayMode: 'list', placement: 'bottom', calcs: [] }, tooltip: { mode: 'single', sort: 'none' } },
  };
}

/** A heading, and the panels under it. */
export const row = (title, ...panels) => ({ title, panels });

/** A whole dashboard; `perNode` lets its reader choose nodes. */
export function dashboard({ uid, title, description, perNode = false, rows }) {
  return {
    uid, title, description, tags: ['switchboard'], timezone: 'browser', editable: true, graphTooltip: 1, schemaVersion: 39, version: 1,
    time: { from: 'now-1h', to: 'now' }, refresh: '30s', timepicker: {}, fiscalYearStartMonth: 0, weekStart: '', liveNow: false,
    links: [{
      title: 'Switchboard', type: 'dashboards', tags: ['switchboard'], asDropdown: false, includeVars: true, keepTime: true, icon: 'external link', targetBlank: false, tooltip: '', url: '',
    }],
    templating: { list: variables(perNode) },
    annotations: { list: [started(), paged()] },
    panels: laidOut(rows),
  };
}

function variables(perNode) {
  const ofLabel = (name, label, of) => ({
    name, label, type: 'query', datasource: DATASOURCE, definition: of, query: { query: of, refId: 'Variable' },
    includeAll: true, allValue: '.*', multi: true, refresh: 2, sort: 1, hide: 0, skipUrlSync: false, regex: '',
    current: { selected: true, text: ['All'], value: ['$__all'] }, options: [],
  });
  return [
    { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', refresh: 1, hide: 0, includeAll: false, multi: false, skipUrlSync: false, regex: '', options: [] },
    ofLabel('namespace', 'Namespace', 'label_values(switchboard_build_info{job="switchboard"}, namespace)'),
    ...(perNode ? [ofLabel('instance', 'Node', 'label_values(switchboard_build_info{job="switchboard",namespace=~"$namespace"}, instance)')] : []),
  ];
}

/** When a node started: a deployment, or a restart. */
function started() {
  return {
    name: 'Starts', enable: true, hide: false, iconColor: BLUE, datasource: DATASOURCE, useValueForTime: 'on', step: '60s',
    expr: `1000 * ${nodes('process_start_time_seconds')} * on (namespace, instance) group_left (version) ${nodes('switchboard_build_info')}`,
    titleFormat: '{{instance}} started', textFormat: 'version {{version}}', tagKeys: '',
  };
}

function paged() {
  return {
    name: 'Pages', enable: true, hide: false, iconColor: RED, datasource: DATASOURCE, step: '60s',
    expr: 'ALERTS{alertname=~"Switchboard.+",alertstate="firing",severity="page"}', titleFormat: '{{alertname}}', textFormat: '', tagKeys: '',
  };
}

function targets(queries, { instant = false, format = 'time_series' } = {}) {
  return queries.map(({ expr, legend }, i) => ({
    refId: String.fromCharCode(65 + i), datasource: DATASOURCE, editorMode: 'code', expr, legendFormat: legend || '__auto', instant, range: !instant, format,
  }));
}

/** Colours, each with the value that it begins at; the first one has none. */
function thresholds([first, ...rest]) {
  return { mode: 'absolute', steps: [{ color: first, value: null }, ...rest.map(([value, color]) => ({ color, value }))] };
}

/** The colours of those names that may be in the panel's legend. */
function coloured(queries) {
  const byLabel = queries.some(({ legend }) => /\{\{(outcome|reason|code)\}\}/.test(legend));
  const names = Object.keys(COLOURS).filter((name) => byLabel || queries.some(({ legend }) => legend === name));
  return names.map((name) => ({
    matcher: { id: 'byName', options: name },
    properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: COLOURS[name] } }],
  }));
}

/** Each row under the one before, its panels from left to right. */
function laidOut(rows) {
  const panels = [];
  let y = 0;
  const place = (panel, x, w, h) => panels.push({ id: panels.length + 1, ...panel, gridPos: { x, y, w, h } });
  for (const { title, panels: inRow } of rows) {
    place({ type: 'row', title, collapsed: false, panels: [] }, 0, WIDTH, 1);
    y += 1;
    let [x, lineHeight] = [0, 0];
    for (const { width, height, ...panel } of inRow) {
      if (x + width > WIDTH) [x, y, lineHeight] = [0, y + lineHeight, 0];
      place({ ...panel, datasource: DATASOURCE }, x, width, height);
      [x, lineHeight] = [x + width, Math.max(lineHeight, height)];
    }
    y += lineHeight;
  }
  return panels;
}
