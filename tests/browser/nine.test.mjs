/* As many as a room of meshed connections bears, on several nodes: everybody is connected to everybody, and sees everybody move. */
import { test } from 'node:test';
import { clusterStage } from './cluster.mjs';
import { prepare } from './rooms.mjs';

const PEOPLE = 9;

test('nine people on three nodes come in at once: 72 legs, and on each a picture that moves', async (t) => {
  const { nodes, sdkPage } = await clusterStage(t);
  const pages = [];
  for (let i = 0; i < PEOPLE; i++) pages.push(await prepare(await sdkPage({ at: nodes[i % nodes.length] })));
  const begun = performance.now();
  const after = () => `after ${((performance.now() - begun) / 1000).toFixed(1)} s`;
  await Promise.all(pages.map((page) => page.evaluate(comeIn)));
  await Promise.all(pages.map((page) => page.waitForFunction(isConnectedToAll, PEOPLE - 1)));
  t.diagnostic(`all legs are connected ${after()}`);
  await Promise.all(pages.map((page) => page.waitForFunction(seesAllMove, PEOPLE - 1)));
  t.diagnostic(`all pictures move ${after()}`);
});

/** In a page: joins, with a picture so small that two cores can draw, encode and decode all of it. */
async function comeIn() {
  const room = new globalThis.sdk.Room({ room: 'hall' });
  const videos = [];
  room.on('stream', (peer, srcObject) => videos.push(Object.assign(document.createElement('video'), { srcObject, muted: true, autoplay: true })));
  room.publish(globalThis.picture(160, 90, 5));
  Object.assign(globalThis, { room, videos });
  await room.join();
}

function isConnectedToAll(others) {
  const { peers } = globalThis.room;
  return peers.size === others && [...peers.values()].every(({ state }) => state === 'connected');
}

function seesAllMove(others) {
  const { videos, framesOf } = globalThis;
  return videos.length === others && videos.map(framesOf).every((frames) => frames >= 5);
}
