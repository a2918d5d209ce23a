/*
 * A call on three nodes, and a file on its way from one page to another: whatever becomes of the way to the gateways, pictures
 * move, nobody is told that somebody left, and the file arrives byte for byte.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_OUTAGES, notIn, SERVER_AWAY } from './browsers.mjs';
import { clusterStage, metric } from './cluster.mjs';

const OUTAGE_MS = 10_000;
/** A picture that stands still for longer has stopped. Two cores run three nodes and the browsers. */
const STANDSTILL_MS = 2000;
const FILE_BYTES = 32 * 1024 * 1024;
const RESUMED = 'switchboard_resumes_total{outcome="resumed"}';

test('one side is offline for ten seconds', notIn(NO_OUTAGES), async (t) => {
  const { sender, everybody, arrives } = await callWithFile(t);
  await sender.context().setOffline(true);
  await sender.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))); // somebody looks at the page
  const outage = new Promise((resolve) => setTimeout(resolve, OUTAGE_MS));
  await sender.waitForFunction(() => globalThis.room.state === 'reconnecting');
  await outage;
  await sender.context().setOffline(false);
  await isBack(sender);
  await allIsWell(everybody);
  await arrives();
});

test('the gateway of the sender is killed, and then that of the receiver', async (t) => {
  const { nodes, sender, receiver, everybody, arrives } = await callWithFile(t);
  for (const [page, node] of [[sender, nodes[0]], [receiver, nodes[1]]]) {
    await node.stop();
    await isBack(page);
  }
  assert(await metric(nodes[2], RESUMED) >= 1);
  await allIsWell(everybody);
  await arrives();
});

for (const [how, options] of Object.entries({ empty: { empty: true }, 'with its data': { empty: false } })) {
  test(`Redis is restarted, ${how}`, async (t) => {
    const { redis, everybody, arrives } = await callWithFile(t);
    await redis.restart(options);
    await allIsWell(everybody);
    await arrives();
  });
}

/** Three pages, each on a node of its own, whose pictures move; the first sends a file to the second, from a disk that is slow and doesn't give all of it. */
async function callWithFile(t) {
  const { nodes, redis, visit, expectError } = await clusterStage(t);
  expectError(SERVER_AWAY);
  const everybody = [];
  for (const [i, node] of nodes.entries()) {
    const page = await visit({ at: node });
    await page.evaluate(comeIn, nodes.map((_, j) => `ws://${nodes[(i + j) % nodes.length].address}/ws`));
    everybody.push(page);
  }
  const [sender, receiver] = everybody;
  await Promise.all(everybody.map((page) => page.waitForFunction(seesAllMove, everybody.length - 1)));
  await receiver.evaluate(takesFiles);
  await sender.evaluate(sendsFile, { to: await receiver.evaluate(() => globalThis.room.id), size: FILE_BYTES });
  await receiver.waitForFunction(() => globalThis.bytes > 0);

  /** Now that all of it can be read, all of it arrives. */
  async function arrives() {
    const hash = await sender.evaluate(() => {
      globalThis.mendDisk();
      return globalThis.sent;
    });
    assert.deepEqual(await receiver.evaluate(() => globalThis.received), { size: FILE_BYTES, hash });
  }
  return { nodes, redis, sender, receiver, everybody, arrives };
}

/** Pictures moved all the time, nobody left, and what each says to the room is heard by the others. */
async function allIsWell(everybody) {
  for (const [i, page] of everybody.entries()) {
    await page.evaluate((info) => globalThis.room.setInfo(info), `told by ${i}`);
    for (const other of everybody) {
      if (other !== page) await other.waitForFunction((info) => [...globalThis.room.peers.values()].some((peer) => peer.info === info), `told by ${i}`);
    }
  }
  for (const page of everybody) {
    const { departures, standstill } = await page.evaluate(() => ({ departures: globalThis.departures, standstill: globalThis.longestStandstill() }));
    assert.deepEqual(departures, []);
    assert(standstill < STANDSTILL_MS, `a picture stopped for ${standstill} ms`);
  }
}

/** Waits until the page has lost its gateway, and found one again. */
function isBack(page) {
  return page.waitForFunction(() => globalThis.room.state === 'joined' && globalThis.returns > 0);
}

/** In a page: joins by the first of these gateways, and watches the pictures of the others. */
async function comeIn(url) {
  const { Room, openCamera } = await import('/switchboard.js');
  const room = new Room({ room: 'kitchen', url });
  const videos = [];
  const departures = [];
  globalThis.returns = 0;
  room.on('state', (now, was) => (globalThis.returns += now === 'joined' && was === 'reconnecting' ? 1 : 0));
  room.on('peerleave', (peer, reason) => departures.push(reason));
  room.on('stream', (peer, srcObject) => videos.push(Object.assign(document.createElement('video'), { srcObject, muted: true, autoplay: true })));
  room.publish(await openCamera({ video: { width: 320, height: 180, frameRate: 15 } }));
  await room.join();
  Object.assign(globalThis, { room, videos, departures });
}

/** In a page: whether all pictures move; from then on, how long one of them stands still is noted. */
function seesAllMove(count) {
  const { videos, framesOf } = globalThis;
  if (videos.length < count || videos.map(framesOf).some((frames) => frames < 5)) return false;
  let longest = 0;
  const looks = videos.map((video) => {
    let [frames, movedAt] = [framesOf(video), performance.now()];
    return () => {
      const now = performance.now();
      longest = Math.max(longest, now - movedAt);
      if (framesOf(video) > frames) [frames, movedAt] = [framesOf(video), now];
    };
  });
  setInterval(() => looks.forEach((look) => look()), 100);
  globalThis.longestStandstill = () => {
    looks.forEach((look) => look());
    return longest;
  };
  return true;
}

/** In a page: `received` is the file that is sent to it. */
function takesFiles() {
  globalThis.bytes = 0;
  globalThis.received = new Promise((resolve) => {
    globalThis.room.on('file', async (file) => {
      const blob = await file.accept({ onProgress: (bytes) => (globalThis.bytes = bytes) });
      const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer());
      resolve({ size: blob.size, hash: [...new Uint8Array(digest)].join() });
    });
  });
}

/** In a page: sends a file whose first half is read slowly, and the second only after `mendDisk()`; `sent` is its hash, once it is there. */
async function sendsFile({ to, size }) {
  let isMended = false;
  const mended = new Promise((resolve) => {
    globalThis.mendDisk = () => {
      isMended = true;
      resolve();
    };
  });
  class OnBadDisk extends File {
    slice(start, end) {
      const part = super.slice(start, end);
      const arrayBuffer = async () => {
        if (!isMended) await (end > size / 2 ? mended : new Promise((resolve) => setTimeout(resolve, 200)));
        return part.arrayBuffer();
      };
      return { arrayBuffer };
    }
  }
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  const arrival = globalThis.room.sendFile(new OnBadDisk([bytes], 'a.bin'), { to });
  globalThis.sent = arrival.then(() => [...new Uint8Array(digest)].join());
}
