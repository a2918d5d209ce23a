#!/usr/bin/env node
/*
 * Draws Grafana's dashboards from their JSON and a live Prometheus, in Chromium, for who has no Grafana at hand: not as
 * beautiful, but the same queries, units, colours, thresholds and places.
 *
 *   npm ci --prefix client && scripts/dashboards-picture.mjs http://127.0.0.1:9090 FOLDER [MINUTES]
 *
 * The last MINUTES (60) are drawn, into one PNG for each dashboard.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launch } from '../tests/browser/browsers.mjs';

const DASHBOARDS = new URL('../deploy/observability/grafana/dashboards/', import.meta.url);
const [prometheus, folder, minutes = '60'] = process.argv.slice(2);
if (!prometheus || !folder) {
  console.error('scripts/dashboards-picture.mjs PROMETHEUS_URL FOLDER [MINUTES]');
  process.exit(2);
}

const POINTS = 240;
const CELL = { width: 64, height: 30, gap: 8 };
const NAMED = { green: '#73bf69', orange: '#ff9830', red: '#f2495c', 'dark-red': '#c4162a', yellow: '#fade2a', blue: '#5794f2', purple: '#b877d9', 'dark-purple': '#8f3bb8' };
const PALETTE = ['#73bf69', '#5794f2', '#ff9830', '#b877d9', '#fade2a', '#8ab8ff', '#f2495c', '#37872d', '#fa6400', '#96d98d', '#ca95e5', '#1f60c4', '#ffcb7d', '#ff7383'];

const end = Date.now() / 1000;
const start = end - 60 * Number(minutes);
const step = (end - start) / POINTS;

const browser = await launch();
try {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(DASHBOARDS)) {
    const dashboard = JSON.parse(await readFile(new URL(name, DASHBOARDS), 'utf8'));
    const page = await browser.newPage({ viewport: { width: 24 * CELL.width + CELL.gap, height: 900 } });
    await page.setContent(await drawn(dashboard));
    await page.screenshot({ path: join(folder, name.replace('.json', '.png')), fullPage: true });
    await page.close();
  }
} finally {
  await browser.close();
}

async function drawn({ title, panels }) {
  const places = await Promise.all(panels.map(async (panel) => {
    const { x, y, w, h } = panel.gridPos;
    const style = `left:${x * CELL.width + CELL.gap}px;top:${y * (CELL.height + CELL.gap)}px;width:${w * CELL.width - CELL.gap}px;height:${h * (CELL.height + CELL.gap) - CELL.gap}px`;
    return `<section class="${panel.type}" style="${style}">${await content(panel, w * CELL.width - CELL.gap)}</section>`;
  }));
  const height = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * (CELL.height + CELL.gap);
  return `<!doctype html><style>
    body { margin: 0; background: #111217; color: #ccccdc; font: 12px Inter, "DejaVu Sans", sans-serif }
    h1 { font-size: 16px; margin: 12px 8px } h2 { font-size: 12px; margin: 6px 8px; font-weight: 500; white-space: nowrap } main { position: relative; height: ${height}px }
    section { position: absolute; background: #181b1f; border: 1px solid #2a2d33; border-radius: 3px; overflow: hidden; box-sizing: border-box }
    .row { background: none; border: none; font-size: 14px } .stat div { height: 100%; overflow: hidden; color: #fff } .stat b { display: block; text-align: center; font-size: 28px; margin-top: 18px }
    table { width: 100%; font-size: 11px; border-collapse: collapse } td { padding: 0 8px; white-space: nowrap } td + td { text-align: right } i { display: inline-block; width: 12px; height: 4px; margin-right: 6px; vertical-align: middle }
    .legend { max-height: 90px; overflow: hidden } text { fill: #9fa3ad; font-size: 10px } .nothing { text-align: center; margin-top: 40px; color: #f2495c }
  </style><h1>${title}</h1><main>${places.join('')}</main>`;
}

async function content(panel, width) {
  if (panel.type === 'row') return `<h2>${escaped(panel.title)}</h2>`;
  const title = `<h2>${escaped(panel.title)}</h2>`;
  if (panel.type === 'stat') return tile(panel, title);
  const lines = (await Promise.all(panel.targets.map(range))).flat();
  if (lines.length === 0) return `${title}<p class="nothing">no data</p>`;
  if (panel.type === 'heatmap') return title + heatmap(panel, lines, width);
  if (panel.type === 'state-timeline') return title + timeline(panel, lines, width);
  return title + chart(panel, lines, width);
}

async function tile({ targets, fieldConfig: { defaults }, options }, title) {
  const [sample] = await ask('query', { query: filled(targets[0].expr), time: end });
  if (!sample || sample.value[1] === 'NaN') return `${title}<b style="font-size:18px">${defaults.noValue ?? 'no data'}</b>`;
  const value = Number(sample.value[1]);
  const ground = options.colorMode === 'background' ? NAMED[colour(defaults.thresholds, value)] : 'none';
  return `<div style="background:${ground}">${title}<b>${format(value, defaults)}</b></div>`;
}

function chart({ fieldConfig: { defaults, overrides } }, lines, width) {
  const { stacking, thresholdsStyle, axisSoftMax = 0 } = defaults.custom;
  const [left, height] = [60, 150];
  const sums = new Array(POINTS + 1).fill(0);
  const drawn = lines.map(({ name, points }, i) => {
    const floor = stacking.mode === 'normal' ? [...sums] : null;
    const heights = points.map((value, at) => (floor && value !== null ? (sums[at] += value) : value));
    const fixed = overrides.find(({ matcher }) => matcher.options === name)?.properties[0].value.fixedColor;
    const known = points.filter((value) => value !== null);
    return { name, heights, floor, last: known.at(-1), most: Math.max(...known), colour: NAMED[fixed] ?? PALETTE[i % PALETTE.length] };
  });
  const top = Math.max(axisSoftMax, ...drawn.flatMap(({ heights }) => heights.map((value) => 1.1 * (value ?? 0)))) || 1;
  const x = (i) => (left + (i / POINTS) * (width - left - 12)).toFixed(1);
  const y = (value) => (height - 8 - (value / top) * (height - 20)).toFixed(1);
  const level = (value, stroke) => `<path d="M${x(0)},${y(value)}H${x(POINTS)}" stroke="${stroke}"`;
  const paths = drawn.map(({ heights, floor, colour }) => {
    const points = heights.map((value, i) => ({ value, i })).filter(({ value }) => value !== null);
    const line = points.map(({ value, i }) => `${i > 0 && heights[i - 1] !== null ? 'L' : 'M'}${x(i)},${y(value)}`).join('');
    const under = floor && points.reverse().map(({ i }) => `L${x(i)},${y(floor[i])}`).join('');
    return `${under ? `<path d="${line}${under}Z" fill="${colour}" opacity=".4"/>` : ''}<path d="${line}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  });
  const grid = [0, top / 2, top].map((value) => `${level(value, '#2a2d33')}/><text x="${left - 6}" y="${Number(y(value)) + 4}" text-anchor="end">${format(value, defaults)}</text>`);
  const limits = thresholdsStyle.mode === 'dashed' ? defaults.thresholds.steps.slice(1).map(({ value, color }) => `${level(value, NAMED[color])} stroke-dasharray="6 4"/>`) : [];
  const legend = drawn.sort((a, b) => b.most - a.most).map(({ name, last, most, colour }) =>
    `<tr><td><i style="background:${colour}"></i>${escaped(name)}</td><td>${format(last, defaults)}</td><td>max ${format(most, defaults)}</td></tr>`);
  return `<svg width="${width}" height="${height}">${grid.join('')}${paths.join('')}${limits.join('')}</svg><div class="legend"><table>${legend.join('')}</table></div>`;
}

/** Buckets are cumulative: of each, what is above the one below. */
function heatmap({ options }, lines, width) {
  const buckets = lines.map(({ name, points }) => ({ le: Number(name.replace('+Inf', 'Infinity')), points })).sort((a, b) => a.le - b.le);
  const cells = buckets.map(({ points }, b) => points.map((value, i) => Math.max(0, (value ?? 0) - (b ? (buckets[b - 1].points[i] ?? 0) : 0))));
  const most = Math.max(...cells.flat()) || 1;
  const [left, height] = [60, 250];
  const [w, h] = [(width - left - 12) / (POINTS + 1), height / buckets.length];
  return `<svg width="${width}" height="${height}">${cells.map((row, b) => row.map((value, i) => (value > 1e-9
    ? `<rect x="${(left + i * w).toFixed(1)}" y="${(height - (b + 1) * h).toFixed(1)}" width="${(w + 0.3).toFixed(1)}" height="${(h - 1).toFixed(1)}" fill="#5794f2" opacity="${(0.12 + 0.88 * Math.sqrt(value / most)).toFixed(2)}"/>` : '')).join('')
    + `<text x="${left - 6}" y="${height - b * h - 4}" text-anchor="end">${format(buckets[b].le, { unit: options.yAxis.unit })}</text>`).join('')}</svg>`;
}

function timeline({ fieldConfig: { defaults } }, lines, width) {
  const [left, bar] = [180, 18];
  return `<svg width="${width}" height="${lines.length * (bar + 4)}">${lines.map(({ name, points }, l) => `<text x="8" y="${l * (bar + 4) + 13}">${escaped(name)}</text>${points.map((value, i) => (value === null
    ? '' : `<rect x="${left + (i / POINTS) * (width - left - 16)}" y="${l * (bar + 4)}" width="${(width - left - 16) / POINTS + 0.5}" height="${bar}" fill="${NAMED[colour(defaults.thresholds, value)]}"/>`)).join('')}`).join('')}</svg>`;
}

/** The lines of one query, each with its name in the legend, and null where it wasn't known. */
async function range({ expr, legendFormat }) {
  const result = await ask('query_range', { query: filled(expr), start, end, step });
  return result.map(({ metric, values }) => {
    const points = new Array(POINTS + 1).fill(null);
    for (const [time, value] of values) if (value !== 'NaN') points[Math.round((time - start) / step)] = Number(value);
    return { name: legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? ''), points };
  }).filter(({ points }) => points.some((value) => value !== null));
}

async function ask(what, parameters) {
  const { data, error } = await (await fetch(`${prometheus}/api/v1/${what}`, { method: 'POST', body: new URLSearchParams(Object.entries(parameters).map(([key, value]) => [key, String(value)])) })).json();
  if (error) throw new Error(`${parameters.query}: ${error}`);
  return data.result;
}

function filled(expr) {
  return expr.replaceAll('$__rate_interval', '1m').replaceAll('$namespace', '.*').replaceAll('$instance', '.*');
}

/** The colour of a value. */
function colour({ steps }, value) {
  return steps.filter((step) => step.value === null || value >= step.value).at(-1).color;
}

function format(value, { unit, decimals }) {
  if (value === Infinity) return '+Inf';
  if (unit === 'percentunit') return `${(100 * value).toFixed(decimals ?? 1)} %`;
  if (unit === 's') return value >= 60 ? `${(value / 60).toFixed(1)} min` : value >= 1 || value === 0 ? `${round(value)} s` : value >= 1e-3 ? `${round(value * 1e3)} ms` : `${round(value * 1e6)} µs`;
  if (unit === 'bytes' || unit === 'binBps') {
    const power = Math.min(3, Math.floor(Math.log2(Math.max(1, value)) / 10));
    return `${round(value / 1024 ** power)} ${['B', 'KiB', 'MiB', 'GiB'][power]}${unit === 'binBps' ? '/s' : ''}`;
  }
  const suffix = { cps: ' c/s', reqps: ' req/s' }[unit] ?? '';
  return decimals === undefined ? `${round(value)}${suffix}` : `${value.toFixed(decimals)}${suffix}`;
}

function round(value) {
  return Number(value.toPrecision(3)).toLocaleString('en');
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
