/* The cluster page, over an admin API whose cluster is the test's and by a clock that only the test moves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdminApi, TOKEN, histogram, member, node } from './admin-api.mjs';
import { visitors } from './harness.mjs';

const PHONE = { viewport: { width: 390, height: 844 } };
const START = Date.parse('2026-03-01T12:00:00Z');
const POLL_MS = 2000;
const SELECTOR = { figure: '.figure', value: '[data-part=value]', note: '[data-part=note]' };
const REFUSED = /the server responded with a status of 40[13]/;
const UNREACHABLE = /ERR_CONNECTION|ERR_EMPTY_RESPONSE/;
const HOSTILE = '<img src=x onerror="fail()"><b>bold</b>';

test('a wrong token is told, and the right one lets in', async (t) => {
  const { page, expectError } = await open(t);
  expectError(REFUSED);
  await enter(page, 'something else');
  await told(page.getByRole('alert'), "That isn't this node's token.");
  assert.equal(await page.locator('#cluster').isVisible(), false);
  await enter(page, ` ${TOKEN}\n`);
  await verdict(page, '1 node, well');
  assert.equal(await page.locator('#login').isVisible(), false);
});

test('what no header can hold is a wrong token, and never sent', async (t) => {
  const { page, api } = await open(t);
  await enter(page, 'Schlüssel');
  await told(page.getByRole('alert'), "That isn't this node's token.");
  assert.deepEqual(api.asked, []);
});

test('a node without a token says which setting it wants', async (t) => {
  const { page, expectError } = await open(t, { token: null });
  expectError(REFUSED);
  await page.getByText('--admin-token').waitFor();
  await enter(page, 'anything');
  await told(page.getByRole('alert'), 'The admin API is off: this node has no --admin-token.');
});

test('the token outlives a reload, not a sign-out', async (t) => {
  const { page } = await signedIn(t);
  await page.reload();
  await verdict(page, '1 node, well');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Admin token').waitFor();
  await page.reload();
  await page.getByLabel('Admin token').waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test('a token that is taken back leads to the sign-in', async (t) => {
  const { page, api, expectError } = await signedIn(t);
  expectError(REFUSED);
  api.trouble = () => [401, 'unauthorized', 'Not authorized.'];
  await page.clock.runFor(POLL_MS);
  await told(page.getByRole('alert'), "That isn't this node's token.");
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  const before = api.asked.length;
  await page.clock.runFor(10 * POLL_MS);
  assert.equal(api.asked.length, before, 'nothing is asked any more');
});

test('numbers and rates', async (t) => {
  const { page, api } = await signedIn(t, (api) => {
    api.nodes = [node('a', { self: true, sockets: 1200, members: 1100, signals: 5000 }), node('b', { sockets: 34, members: 30, signals: 100 })];
    api.rooms = new Map([['kitchen', [member('s1')]], ['garden', [member('s2')]]]);
  });
  await verdict(page, '2 nodes, all well');
  await figure(page, 'Sockets', '1,234', '1,130 in rooms');
  await figure(page, 'Rooms', '2', '565 members each');
  await figure(page, 'Signals a second', '–', '5.1K since start');
  await figure(page, 'Join latency, p99', '–', 'no joins in 10 s');
  await figure(page, 'Repairs', '–', 'counted from now on');
  await figure(page, 'Memory', '64 MiB', 'of 2 nodes');

  const [a, b] = api.nodes;
  Object.assign(a, { signals: 5200, repairs: 3, joinSeconds: histogram(Array(10).fill(0.004)), redisSeconds: histogram(Array(4).fill(0.3)) });
  Object.assign(b, { signals: 150, limits: 2 });
  await tick(page);
  await figure(page, 'Signals a second', '125', '5.4K since start');
  await figure(page, 'Join latency, p99', '5.0 ms', 'p50 3.8 ms, 10 joins');
  await figure(page, 'Redis, p99', '498 ms', 'p50 375 ms, 4 calls');
  await figure(page, 'Repairs', '3', 'in the last 2 s');
  await figure(page, 'Limits hit', '2', 'in the last 2 s');
  await cell(page, 'a', 'signals', '100');
  await cell(page, 'b', 'signals', '25');
  await page.getByRole('img', { name: 'Signals a second, the last minute: now 125, lowest 125, highest 125' }).waitFor();
});

test('rates are over the time that really went by', async (t) => {
  const { page, api } = await signedIn(t);
  const { begun, release } = api.hold();
  await page.clock.runFor(POLL_MS);
  await begun;
  await page.clock.runFor(1000);
  api.nodes[0].signals = 300;
  release();
  await figure(page, 'Signals a second', '100');
});

test('one question at a time', async (t) => {
  const { page, api } = await signedIn(t);
  const { begun, release } = api.hold();
  await page.clock.runFor(POLL_MS);
  await begun;
  await page.clock.runFor(3 * POLL_MS);
  await look(page, true);
  // What was asked by then has arrived before this.
  await page.evaluate(() => fetch('/admin.css'));
  release();
  await told(page.locator('#freshness'), 'Live, 12:00:08');
  assert.equal(api.mostUnderWay, 1);
});

test('nobody is asked while nobody looks', async (t) => {
  const { page, api } = await signedIn(t);
  await look(page, false);
  // A poll that was due already would still be on its way: one is let pass.
  await page.clock.runFor(POLL_MS);
  const before = api.asked.length;
  await page.clock.runFor(20 * POLL_MS);
  assert.equal(api.asked.length, before);
  await look(page, true);
  await told(page.locator('#freshness'), 'Live, 12:00:42');
});

test('a node that was started anew has no negative rate', async (t) => {
  const { page, api } = await signedIn(t, (api) => (api.nodes[0].signals = 5000));
  api.nodes[0].signals = 5100;
  await tick(page);
  await cell(page, 'a', 'signals', '50');
  Object.assign(api.nodes[0], { startedAt: '2026-03-01T12:00:01Z', signals: 7 });
  await tick(page);
  await cell(page, 'a', 'signals', '–');
  await cell(page, 'a', 'up', '3 s');
  api.nodes[0].signals = 11;
  await tick(page);
  await cell(page, 'a', 'signals', '2');
});

test('a node that is silent', async (t) => {
  const { page, api } = await signedIn(t, (api) => (api.nodes = [node('a', { self: true, sockets: 3 }), node('b', { sockets: 4 })]));
  api.nodes[1] = { node: 'b', self: false, answers: false };
  await tick(page);
  await verdict(page, "1 of 2 nodes doesn't answer");
  await cell(page, 'b', 'state', "doesn't answer");
  await cell(page, 'b', 'sockets', '–');
  await figure(page, 'Sockets', '3');
  assert.equal(await page.getByRole('button', { name: 'Drain b' }).count(), 0);
});

test('what ails a node stands on top', async (t) => {
  const { page, api } = await signedIn(t);
  api.nodes[0].health = `no link to Redis ${HOSTILE}`;
  await tick(page);
  await verdict(page, `Redis: no link to Redis ${HOSTILE}`);
  await nothingHostile(page);
});

test('rooms can be out of reach while nodes answer', async (t) => {
  const { page, api, expectError } = await signedIn(t);
  expectError(/503/);
  api.nodes[0].health = 'no link to Redis';
  api.trouble = (path) => (path.includes('rooms') ? [503, 'unavailable', "Redis doesn't answer."] : undefined);
  await tick(page);
  await verdict(page, 'Redis: no link to Redis');
  await page.getByText("Redis doesn't answer.").waitFor();
});

test('a node that is gone is said so, with the time of its last answer, and found again', async (t) => {
  const { page, api, expectError } = await signedIn(t);
  expectError(UNREACHABLE);
  await api.stop();
  await page.clock.runFor(POLL_MS);
  await verdict(page, "This node doesn't answer.");
  await page.getByText('The last good answer is of 12:00:00.').waitFor();
  await figure(page, 'Memory', '32 MiB');
  await api.listen();
  await tick(page);
  await verdict(page, '1 node, well');
});

test('a node is drained only when that is confirmed', async (t) => {
  const { page, api } = await signedIn(t, (api) => (api.nodes = [node('a', { self: true }), node('b/1', { sockets: 5 })]));
  await page.getByRole('button', { name: 'Drain b/1' }).click();
  await page.getByRole('dialog', { name: 'Drain b/1?' }).getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Drain b/1' }).click();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  assert.deepEqual(api.deeds, []);
  await page.getByRole('button', { name: 'Drain b/1' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
  await verdict(page, 'Node b/1 is draining');
  await cell(page, 'b/1', 'state', 'draining, 5 sockets left');
  assert.deepEqual(api.deeds, [['POST /api/v1/nodes/b%2F1/drain']]);
  assert.equal(await page.getByRole('button', { name: 'Drain b/1' }).count(), 0);
});

test('a page of rooms that comes late is not taken for the next', async (t) => {
  const { page, api } = await signedIn(t, (api) => {
    for (let number = 1; number <= 25; number += 1) api.rooms.set(`room ${number}`, [member(`s${number}`)]);
  });
  const { begun, release } = api.hold((question) => question.includes('/rooms'));
  await page.clock.runFor(POLL_MS);
  await begun;
  await page.getByRole('button', { name: 'Next' }).click();
  release();
  await told(page.locator('#freshness'), 'Live, 12:00:02');
  await told(page.locator('[data-part=page]'), 'Page 1');
  await page.clock.runFor(0);
  await told(page.locator('[data-part=page]'), 'Page 2');
  await page.getByRole('link', { name: 'room 25', exact: true }).waitFor();
});

test('rooms page by page, past an empty one', async (t) => {
  const { page } = await signedIn(t, (api) => {
    for (let number = 1; number <= 45; number += 1) api.rooms.set(`room ${number}`, [member(`s${number}`)]);
  });
  const shown = (first, count) => page.locator(`#rooms:has(tr:nth-child(${count}):last-child) tr:first-child`, { hasText: first }).waitFor();
  const button = (name) => page.getByRole('button', { name, exact: true });
  await told(page.locator('#rooms-count'), '45');
  await shown('room 1', 20);
  await button('Next').click();
  await shown('room 21', 20);
  await button('Next').click();
  await shown('room 41', 5);
  await told(page.locator('[data-part=page]'), 'Page 3');
  assert.equal(await button('Next').getAttribute('aria-disabled'), 'true');
  await button('Next').press('Enter');
  await tick(page);
  await shown('room 41', 5);
  await button('Previous').click();
  await shown('room 21', 20);
  await button('Previous').click();
  await shown('room 1', 20);
});

test('a room is found by its exact name, and so is that there is none', async (t) => {
  const { page } = await signedIn(t, (api) => api.rooms.set('a/b?c#d%41', [member('s1'), member('s2')]));
  await search(page, 'a/b?c#d%41');
  await page.getByRole('heading', { name: 'a/b?c#d%41' }).waitFor();
  await page.getByText('2 members', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'All rooms' }).click();
  await page.getByRole('link', { name: 'a/b?c#d%41' }).waitFor();
});

test('a room that is not there', async (t) => {
  const { page, expectError } = await signedIn(t);
  expectError(/404/);
  await search(page, 'nowhere');
  await page.getByText('Nobody is in a room of this name.').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Close room' }).isVisible(), false);
});

test('a room whose name a browser would take for a way up is not asked for', async (t) => {
  const { page, api } = await signedIn(t);
  await search(page, '..');
  await page.getByText('A browser can\'t ask for “..”').waitFor();
  assert.deepEqual([...new Set(api.asked)].sort(), ['GET /api/v1/nodes', 'GET /api/v1/rooms']);
});

test('members: where they are, for how long, and who is away', async (t) => {
  const { page, api } = await inRoom(t);
  await cell(page, 'ada', 'node', 'a');
  await cell(page, 'ada', 'state', 'here');
  await cell(page, 'ada', 'address', '203.0.113.7');
  await cell(page, 'ada', 'age', '1 min 30 s');
  await cell(page, 'ada', 'info', '{"name":"Ada"}');
  await cell(page, 'ben', 'node', '–');
  await cell(page, 'ben', 'state', 'away');
  await cell(page, 'ben', 'age', '–');
  await tick(page);
  await cell(page, 'ada', 'age', '1 min 32 s');
  assert.equal(api.asked.filter((question) => question === 'GET /api/v1/sockets/ada').length, 1, 'asked once');
});

test('a member is kicked only when that is confirmed', async (t) => {
  const { page, api } = await inRoom(t);
  const kick = page.getByRole('button', { name: 'Kick ben' });
  await kick.click();
  await page.getByRole('dialog', { name: 'Kick ben?' }).getByRole('button', { name: 'Cancel' }).click();
  assert.deepEqual(api.deeds, []);
  await kick.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Kick' }).click();
  await page.getByText('ben was kicked.').waitFor();
  await kick.waitFor({ state: 'detached' });
  assert.deepEqual(api.deeds, [['DELETE /api/v1/sockets/ben']]);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'room-title');
});

test('a room is closed only when that is confirmed', async (t) => {
  const { page, api, expectError } = await inRoom(t);
  expectError(/404/);
  const close = page.getByRole('button', { name: 'Close room' });
  await close.click();
  await page.getByRole('dialog').getByText('“tea & cake” ends for all of its 2 members.').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  assert.deepEqual(api.deeds, []);
  await close.click();
  await page.getByRole('dialog').getByRole('button', { name: 'Close room' }).click();
  await page.getByText('The room is closed: 2 members removed.').waitFor();
  await page.getByText('Nobody is in a room of this name.').waitFor();
  assert.deepEqual(api.deeds, [['DELETE /api/v1/rooms/tea%20%26%20cake']]);
});

test('something is sent to a room, or to all, only when that is confirmed', async (t) => {
  const { page, api } = await inRoom(t);
  await compose(page, 'room', 'announcement', '{"text": "Tea"');
  await page.getByText("The data isn't JSON").waitFor();
  assert.equal(await page.getByRole('dialog').count(), 0);
  await compose(page, 'room', 'announcement', '{"text": "Tea"}');
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  assert.deepEqual(api.deeds, []);
  await compose(page, 'room', 'announcement', '{"text": "Tea"}');
  await page.getByRole('dialog').getByText('It goes to every member of “tea & cake”.').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Send' }).click();
  await page.getByText('“announcement” was sent.').waitFor();
  await compose(page, 'every room', 'bye', '');
  await page.getByRole('dialog').getByText('It goes to every member of every room.').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Send' }).click();
  await page.getByText('“bye” was sent.').waitFor();
  assert.deepEqual(api.deeds, [
    ['POST /api/v1/rooms/tea%20%26%20cake/broadcast', { eventName: 'announcement', data: { text: 'Tea' } }],
    ['POST /api/v1/broadcast', { eventName: 'bye', data: null }],
  ]);
});

test('what the API refuses to do is told', async (t) => {
  const { page, api, expectError } = await inRoom(t);
  expectError(/400/);
  api.trouble = (path) => (path.endsWith('/broadcast') ? [400, 'reserved', '“peers” is an event of the protocol.'] : undefined);
  await compose(page, 'room', 'peers', '{}');
  await page.getByRole('dialog').getByRole('button', { name: 'Send' }).click();
  await told(page.locator('#deed'), '“peers” is an event of the protocol.');
});

test('text of strangers is shown as text', async (t) => {
  const { page } = await signedIn(t, (api) => {
    api.nodes = [node(HOSTILE, { self: true, version: HOSTILE })];
    api.rooms.set(HOSTILE, [member('mallory', { info: { name: HOSTILE } })]);
    api.sockets.set('mallory', { ageSeconds: 1, address: HOSTILE });
  });
  await page.getByRole('link', { name: HOSTILE, exact: true }).click();
  await page.getByRole('heading', { name: HOSTILE, exact: true }).waitFor();
  await cell(page, 'mallory', 'address', HOSTILE);
  await page.getByRole('button', { name: 'Kick mallory' }).click();
  await page.getByRole('dialog').getByText(HOSTILE).waitFor();
  await nothingHostile(page);
});

test('all of it by keyboard', async (t) => {
  const { page, api } = await open(t, { cluster: (api) => api.rooms.set('garden', [member('ada')]) });
  await page.keyboard.type(TOKEN);
  await page.keyboard.press('Enter');
  await verdict(page, '1 node, well');
  await page.getByRole('link', { name: 'garden' }).waitFor();
  await tabTo(page, 'Drain a');
  await page.keyboard.press('Enter');
  await focused(page, 'Cancel');
  await page.keyboard.press('Enter');
  await focused(page, 'Drain a');
  await tabTo(page, 'garden');
  await page.keyboard.press('Enter');
  await focused(page, 'garden');
  await page.getByRole('button', { name: 'Kick ada' }).waitFor();
  await tick(page);
  await tabTo(page, 'Kick ada');
  await tick(page);
  await focused(page, 'Kick ada');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Kick');
  await page.keyboard.press('Enter');
  await page.getByText('ada was kicked.').waitFor();
  await focused(page, 'garden');
  assert.deepEqual(api.deeds, [['DELETE /api/v1/sockets/ada']]);
});

for (const width of [390, 320]) {
  test(`nothing is wider than a phone of ${width} pixels`, async (t) => {
    const long = 'x'.repeat(128);
    const { page } = await signedIn(t, (api) => {
      api.nodes = [node('a', { self: true, sockets: 1234567, members: 1234567, signals: 1e10, memoryBytes: 2 ** 39 }), node(long, { health: long }), { node: 'c', self: false, answers: false }];
      for (let number = 0; number < 30; number += 1) api.rooms.set(`${long.slice(3)}${number}`, [member(`${'s'.repeat(19)}${number}`, { node: long, info: { long } })]);
    }, { viewport: { width, height: 844 } });
    const fits = async (what) => assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, what);
    await tick(page);
    await fits('the cluster');
    await page.getByRole('link', { name: `${long.slice(3)}0`, exact: true }).click();
    await page.getByRole('button', { name: /^Kick/ }).waitFor();
    await fits('a room');
    await page.getByText('Send something to this room').click();
    await fits('the form');
    await page.getByRole('button', { name: /^Kick/ }).click();
    await page.getByRole('dialog').waitFor();
    await fits('a question');
    const { x, width: wide } = await page.getByRole('dialog').boundingBox();
    assert(x >= 0 && x + wide <= width);
  });
}

/**
 * A page at the sign-in, over a cluster of its own. Its clock stands still.
 *
 * @param {import('node:test').TestContext} t
 */
async function open(t, { token, cluster, ...options } = {}) {
  const api = await AdminApi.start({ token });
  cluster?.(api);
  const { visit, expectError } = await visitors(t, api);
  const page = await visit({ url: 'about:blank', permissions: [], timezoneId: 'UTC', ...options });
  await page.clock.install({ time: START - 1000 });
  await page.clock.pauseAt(START);
  await page.goto(`http://${api.address}/`);
  return { page, api, expectError };
}

/** A page that shows the cluster. */
async function signedIn(t, cluster, options = {}) {
  const opened = await open(t, { cluster, ...options });
  await enter(opened.page, TOKEN);
  await told(opened.page.locator('#freshness'), 'Live, 12:00:00');
  return opened;
}

/** A page that shows a room of two. */
async function inRoom(t) {
  const opened = await signedIn(t, (api) => {
    api.rooms.set('tea & cake', [member('ada', { info: { name: 'Ada' } }), member('ben', { node: null, away: true })]);
    api.sockets.set('ada', { ageSeconds: 90, address: '203.0.113.7', sent: 1, received: 1, waiting: 0, waitingBytes: 0 });
  });
  await opened.page.getByRole('link', { name: 'tea & cake' }).click();
  await opened.page.getByRole('button', { name: 'Kick ben' }).waitFor();
  return opened;
}

async function enter(page, token) {
  await page.getByLabel('Admin token').fill(token);
  await page.keyboard.press('Enter');
}

/** Lets the next poll happen, and waits for what it shows. */
async function tick(page) {
  await page.clock.runFor(POLL_MS);
  const now = new Date(await page.evaluate(() => Date.now())).toISOString().slice(11, 19);
  await told(page.locator('#freshness'), `Live, ${now}`);
}

/** Waits until the element's text is just that. */
function told(locator, text) {
  return locator.and(locator.page().locator(`:text-is(${JSON.stringify(text)})`)).first().waitFor();
}

function verdict(page, sentence) {
  return page.getByRole('heading', { level: 1, name: sentence, exact: true }).waitFor();
}

/** Waits until a big number is that. */
async function figure(page, name, value, note) {
  const element = page.locator(SELECTOR.figure, { has: page.getByRole('heading', { name, exact: true }) });
  await told(element.locator(SELECTOR.value), value);
  if (note !== undefined) await told(element.locator(SELECTOR.note), note);
}

/** Waits until a part of a row of a table is that. */
function cell(page, row, name, text) {
  const found = page.locator('tr', { has: page.locator(`[data-part=name]:text-is("${row.replaceAll('"', '\\"')}"), [data-part=id]:text-is("${row}")`) });
  return told(found.locator(`[data-part=${name}]`), text);
}

async function search(page, name) {
  await page.getByRole('searchbox').fill(name);
  await page.keyboard.press('Enter');
}

/** Fills in what is to be sent and presses the button. */
async function compose(page, to, eventName, data) {
  const details = page.locator('details', { hasText: `Send something to ${to === 'room' ? 'this room' : to}` });
  if ((await details.getAttribute('open')) === null) await details.locator('summary').click();
  await details.getByLabel("Event's name").fill(eventName);
  await details.getByLabel('Data, as JSON').fill(data);
  await details.getByRole('button', { name: 'Send…' }).click();
}

/** The page is looked at, or not. */
function look(page, isSeen) {
  return page.evaluate((isSeen) => {
    Object.defineProperty(document, 'hidden', { configurable: true, value: !isSeen });
    document.dispatchEvent(new Event('visibilitychange'));
  }, isSeen);
}

async function nothingHostile(page) {
  assert.equal(await page.locator('img:not([src="favicon.svg"]), b').count(), 0);
}

async function tabTo(page, name) {
  for (let pressed = 0; pressed < 50; pressed += 1) {
    await page.keyboard.press('Tab');
    if ((await nameOfFocused(page)) === name) return;
  }
  assert.fail(`no Tab leads to ${name}`);
}

function focused(page, name) {
  return page.locator(':focus').and(page.getByLabel(name, { exact: true }).or(page.getByText(name, { exact: true }))).waitFor();
}

function nameOfFocused(page) {
  return page.evaluate(() => document.activeElement.ariaLabel ?? document.activeElement.textContent);
}
