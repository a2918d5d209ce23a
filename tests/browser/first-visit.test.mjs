/* What it takes to open a page for the first time, and what the browser has to say about it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminApi } from './admin-api.mjs';
import { notIn } from './browsers.mjs';
import { stage, visitors } from './harness.mjs';

/** Over the wire, with headers. */
const MOST_BYTES = 300_000;
const MOST_REQUESTS = 75;
/** What people notice begins at a tenth. (web.dev/articles/cls) */
const MOST_LAYOUT_SHIFT = 0.02;

test('the demo room is small, whole, and all from one host', async (t) => {
  const { gateway, visit } = await stage(t);
  const { requests, page } = await firstVisit(visit);
  assert.deepEqual(elsewhere(requests, gateway), []);
  const answers = await Promise.all(requests.map((request) => request.response()));
  assert.deepEqual(answers.filter((answer) => answer.status() !== 200).map((answer) => answer.url()), []);
  const bytes = (await Promise.all(requests.map(sizeOfAnswer))).reduce((sum, size) => sum + size);
  const paints = await page.evaluate(() => globalThis.measured('largest-contentful-paint'));
  t.diagnostic(`${bytes} bytes in ${requests.length} requests, the largest paint after ${Math.round(paints.at(-1).startTime)} ms`);
  assert(bytes <= MOST_BYTES, `${bytes} bytes`);
  assert(requests.length <= MOST_REQUESTS, `${requests.length} requests`);
});

test('the cluster page is all from one host, too', async (t) => {
  const api = await AdminApi.start();
  const { visit } = await visitors(t, api);
  const { requests } = await firstVisit(visit);
  assert.deepEqual(elsewhere(requests, api), []);
});

test('the browser has nothing to complain of, not even to warn of', async (t) => {
  const lines = [];
  const { visit } = await stage(t);
  const { page } = await firstVisit(visit, (page) => page.on('console', (line) => lines.push(`${line.type()}: ${line.text()}`)));
  await page.getByLabel('Your name').fill('Ada');
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByRole('button', { name: 'Leave' }).waitFor();
  assert.deepEqual(lines, []);
});

test('the page says what it is, in which language, and that it fits a phone', async (t) => {
  const { visit } = await stage(t);
  const page = await visit();
  const said = await page.evaluate(() => {
    const meta = (name) => document.querySelector(`meta[name=${name}]`)?.content;
    return { title: document.title, lang: document.documentElement.lang, description: meta('description'), viewport: meta('viewport') };
  });
  assert.match(said.title, /Switchboard/);
  assert.equal(said.lang, 'en');
  assert(said.description.length >= 20, said.description);
  assert.match(said.viewport, /width=device-width/);
  assert.doesNotMatch(said.viewport, /user-scalable|maximum-scale/);
});

test('nothing moves about while the page comes up', notIn({ firefox: 'it does not measure it' }), async (t) => {
  const { visit } = await stage(t);
  const { page } = await firstVisit(visit);
  const shifts = await page.evaluate(() => globalThis.measured('layout-shift'));
  const sum = shifts.reduce((sum, { value }) => sum + value, 0);
  assert(sum <= MOST_LAYOUT_SHIFT, `${sum}, at ${shifts.map(({ startTime }) => Math.round(startTime))} ms`);
});

/** A page that has come up, the own picture included, and what it asked for. */
async function firstVisit(visit, watch = (_page) => {}) {
  const requests = [];
  const page = await visit({
    init: notesMeasures,
    watch(page) {
      page.on('request', (request) => requests.push(request));
      watch(page);
    },
  });
  await page.waitForLoadState('networkidle');
  return { page, requests };
}

function elsewhere(requests, { address }) {
  return requests.map((request) => request.url()).filter((url) => new URL(url).host !== address);
}

async function sizeOfAnswer(request) {
  const { responseHeadersSize, responseBodySize } = await request.sizes();
  return responseHeadersSize + responseBodySize;
}

/** `measured(type)` is what the browser measured of that kind until now. */
function notesMeasures() {
  globalThis.measured = (type) => {
    const observer = new PerformanceObserver(() => {});
    observer.observe({ type, buffered: true });
    return observer.takeRecords().map((entry) => entry.toJSON());
  };
}
