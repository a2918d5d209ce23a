/* A call goes on, whatever becomes of the connections to the server: real nodes, and real pictures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_OUTAGES, notIn, SERVER_AWAY } from './browsers.mjs';
import { clusterStage, metric, taken } from './cluster.mjs';
import { fillAndJoin, inCall, notesWhatItHears, seesMovingPicture, stage, tileOf, videoOf, write } from './harness.mjs';
import { watch } from './pictures.mjs';

/** A picture that stands still for longer has stopped. Two cores run three nodes and the browsers. */
const STANDSTILL_MS = 2000;
const RESUMED = 'switchboard_resumes_total{outcome="resumed"}';

test('when a node is killed, pictures go on, nobody leaves, and somebody new can come in', async (t) => {
  const { nodes, join, expectError } = await clusterStage(t, { haproxy: true });
  expectError(SERVER_AWAY);
  const ada = await join('Ada', 'kitchen');
  const [hers] = await taken(nodes);
  const ben = await join('Ben', 'kitchen');
  const his = (await taken(nodes)).find((node) => node !== hers);
  const pictures = [await watch(ada, await videoOf(ada, 'Ben')), await watch(ben, await videoOf(ben, 'Ada'))];

  await his.stop();
  const others = nodes.filter((node) => node !== his);
  await until(async () => (await Promise.all(others.map((node) => metric(node, RESUMED)))).some((count) => count > 0));
  const eve = await join('Eve', 'kitchen');
  for (const [page, names] of [[ada, ['Ben', 'Eve']], [ben, ['Ada', 'Eve']], [eve, ['Ada', 'Ben']]]) {
    for (const name of names) await seesMovingPicture(page, name);
    await page.getByText('3 people').waitFor();
  }
  await write(ben, 'I am still here');
  for (const page of [ada, eve]) await page.getByRole('log').getByText('I am still here').waitFor();
  for (const picture of pictures) assert(await picture.longestStandstill() < STANDSTILL_MS, 'a picture stopped');
  for (const page of [ada, ben]) assert.doesNotMatch(await page.getByRole('log').innerText(), /left/);
});

test('a connection that is dead and does not know it is replaced when the network is back', notIn(NO_OUTAGES), async (t) => {
  const { nodes, join, expectError } = await clusterStage(t);
  expectError(SERVER_AWAY);
  const ada = await join('Ada', 'kitchen', { at: nodes[0] });
  const ben = await join('Ben', 'kitchen', { at: nodes[1] });
  const pictures = [await watch(ada, await videoOf(ada, 'Ben')), await watch(ben, await videoOf(ben, 'Ada'))];

  await ben.context().setOffline(true);
  await ben.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))); // somebody looks at the page
  await ben.getByText('The connection to the server is gone. Your call goes on.').waitFor();
  await ben.getByText(/Trying again/).waitFor();
  await ben.context().setOffline(false);
  await ben.getByText('You are connected again.').waitFor();
  assert.equal(await metric(nodes[1], RESUMED), 1);
  for (const picture of pictures) assert(await picture.longestStandstill() < STANDSTILL_MS, 'a picture stopped');
  const eve = await join('Eve', 'kitchen', { at: nodes[2] });
  await seesMovingPicture(ben, 'Eve');
  await seesMovingPicture(eve, 'Ben');
  assert.doesNotMatch(await ada.getByRole('log').innerText(), /left/);
});

test('who is away is shown, and that they are back', async (t) => {
  const { gateway, join, expectError } = await stage(t);
  expectError(SERVER_AWAY);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen', { init: canBeCut });
  await seesMovingPicture(ada, 'Ben');
  await ben.evaluate(() => globalThis.cut());
  await tileOf(ada, 'Ben').getByText('reconnecting…').waitFor();
  await seesMovingPicture(ada, 'Ben');
  await ben.getByText('The connection to the server is gone. Your call goes on.').waitFor();
  await ben.evaluate(() => globalThis.mend());
  await tileOf(ada, 'Ben').getByText('reconnecting…').waitFor({ state: 'detached' });
  await ben.getByText('You are connected again.').waitFor();
  assert.equal(await metric(gateway, RESUMED), 1);
});

test('who comes back too late was seen all the time, and comes in anew, by itself', async (t) => {
  const { join, expectError } = await stage(t, ['--resume-window', '1s']);
  expectError(SERVER_AWAY);
  const ada = await join('Ada', 'kitchen', { init: notesWhatItHears });
  const ben = await join('Ben', 'kitchen', { init: canBeCut });
  await seesMovingPicture(ada, 'Ben');
  await ben.evaluate(() => globalThis.cut());
  await ada.waitForFunction(() => globalThis.heard('remove_peer') > 0);
  const status = tileOf(ada, 'Ben').getByText('reconnecting…');
  await status.waitFor();
  await seesMovingPicture(ada, 'Ben');
  await ben.evaluate(() => globalThis.mend());
  await status.waitFor({ state: 'hidden' });
  for (const [page, other] of [[ada, 'Ben'], [ben, 'Ada']]) {
    await seesMovingPicture(page, other);
    await page.getByText('2 people').waitFor();
  }
});

test('a connection that is gone is told of after a second, and one that is back by then is not', async (t) => {
  const { visit, expectError } = await stage(t);
  expectError(SERVER_AWAY);
  const ben = await visit({ path: '/#kitchen', init: [canBeCut, notesWhatItHears] });
  await fillAndJoin(ben, 'Ben');
  await inCall(ben);
  await ben.clock.install();
  await ben.clock.pauseAt(Date.now() + 60_000);
  const line = ben.locator('#connection');
  const told = () => line.innerText();

  await ben.evaluate(() => {
    globalThis.cut();
    globalThis.mend();
  });
  await ben.clock.runFor(300);
  await ben.waitForFunction(() => globalThis.heard('resumed') > 0);
  await ben.clock.runFor(5000);
  assert.equal(await told(), '');

  await ben.evaluate(() => globalThis.cut());
  await ben.clock.runFor(999);
  assert.equal(await told(), '');
  await ben.clock.runFor(1);
  assert.match(await told(), /^The connection to the server is gone\. Trying again/);
});

test('what is published while the node is gone arrives once there is another', async (t) => {
  const { nodes, visit, expectError } = await clusterStage(t);
  expectError(SERVER_AWAY);
  const url = nodes.map(({ address }) => `ws://${address}/ws`);
  const [ada, ben] = [await visit({ at: nodes[0] }), await visit({ at: nodes[2] })];
  for (const [page, urls] of [[ada, url], [ben, [...url].reverse()]]) {
    await page.evaluate(async (url) => {
      const { Room, openCamera } = await import('/switchboard.js');
      const room = new Room({ room: 'kitchen', url });
      const log = [];
      room.on('state', (now) => log.push(now));
      room.on('peerleave', (peer, reason) => log.push(`${peer.id} ${reason}`));
      const isConnected = new Promise((resolve) => room.on('peerstate', (peer, state) => state === 'connected' && resolve()));
      const screen = new Promise((resolve) => room.on('stream', (peer, stream, source) => source === 'screen' && resolve()));
      await room.join();
      Object.assign(globalThis, { room, log, isConnected, screen, openCamera });
    }, urls);
  }
  for (const page of [ada, ben]) await page.evaluate(() => globalThis.isConnected);
  const publish = (page) => page.evaluate(async () => {
    const stream = await globalThis.openCamera({ video: true });
    globalThis.room.publish(stream, { source: 'screen' });
  });
  await nodes[0].stop();
  await publish(ada);
  await ben.evaluate(() => globalThis.screen);
  await nodes[2].stop();
  await publish(ben);
  await ada.evaluate(() => globalThis.screen);
  for (const page of [ada, ben]) {
    const log = await page.evaluate(() => globalThis.log.filter((line) => line !== 'reconnecting'));
    assert.deepEqual(log, ['joining', 'joined', 'joined']);
  }
});

/** For a page whose connections to the server can be `cut()`: there are none until `mend()`. */
function canBeCut() {
  const sockets = new Set();
  let isCut = false;
  globalThis.WebSocket = class extends WebSocket {
    constructor(url, protocol) {
      super(isCut ? 'ws://127.0.0.1:9/' : url, protocol);
      sockets.add(this);
    }
  };
  globalThis.cut = () => {
    isCut = true;
    for (const socket of sockets) {
      socket.close(4999);
      socket.dispatchEvent(new CloseEvent('close', { code: 1006 }));
    }
  };
  globalThis.mend = () => (isCut = false);
}

/** Asks until it is so. */
async function until(isSo) {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 100));
}
