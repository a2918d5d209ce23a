/* Calls by a real TURN server: its credentials end, it stands still, it forgets everything. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coturn } from './coturn.mjs';
import { connectTwo, roomsPage } from './rooms.mjs';

/** A test that fails needn't take minutes. */
const PATIENCE = { timeout: 60_000 };
const ONLY_RELAY = { iceTransportPolicy: 'relay' };

/** Two rooms in one page that reach each other by a TURN server, and see each other. */
async function relayed(t, ttl) {
  const { server, gatewayArgs } = await coturn(t);
  const page = await roomsPage(t, gatewayArgs(ttl));
  await connectTwo(page, { published: true, rtcConfig: ONLY_RELAY });
  await page.evaluate(() => {
    const { first, second } = globalThis;
    const peers = (globalThis.peers = [first, second].flatMap((room) => [...room.peers.values()]));
    const streams = peers.flatMap((peer) => [...peer.streams.values()].map(({ stream }) => stream));
    globalThis.log = [];
    for (const room of [first, second]) for (const event of ['error', 'peerleave', 'state']) room.on(event, (what) => globalThis.log.push(`${event} ${what.code ?? what}`));
    globalThis.picturesMove = (pictures) => Promise.all(streams.map((stream) => globalThis.moves(stream, pictures)));
    globalThis.states = (is) => Promise.all([first, second].map((room, i) => peers[i].state === is || globalThis.next(room, 'peerstate', (peer, state) => state === is)));
    return globalThis.picturesMove();
  });
  return { server, page };
}

test('a TURN server that forgets everything: another way by it is found, and nobody left', PATIENCE, async (t) => {
  const { server, page } = await relayed(t, '1h');
  await server.stop();
  assert(await server.start());
  const log = await page.evaluate(async () => {
    await globalThis.states('disconnected');
    await globalThis.states('connected');
    await globalThis.picturesMove();
    return globalThis.log;
  });
  assert.deepEqual(log, []);
});

test('a TURN server that stands still, longer than anybody waits for it: pictures come back, and nobody left', PATIENCE, async (t) => {
  const { server, page } = await relayed(t, '1h');
  server.pause();
  const before = await page.evaluate(async () => {
    await globalThis.states('disconnected');
    return { ...globalThis.offers };
  });
  await page.waitForFunction((before) => globalThis.offers.second > before, before.second);
  server.goOn();
  const log = await page.evaluate(async () => {
    await globalThis.states('connected');
    await globalThis.picturesMove();
    return globalThis.log;
  });
  assert.deepEqual(log, []);
});

test('credentials end and the call goes on: others were asked for', PATIENCE, async (t) => {
  const { server, page } = await relayed(t, '3s');
  const first = await page.evaluate(() => globalThis.peers.map(({ pc }) => pc.getConfiguration().iceServers[0]));
  await page.waitForFunction((ends) => Date.now() / 1000 > ends + 1, endOf(first[1]));
  for (const ended of first) assert.equal(await page.evaluate(gather, ended), 'refused');
  await page.evaluate(() => globalThis.picturesMove());

  await server.stop(); // whatever is relayed from here on needs credentials that are good
  assert(await server.start());
  const { now, routes, log } = await page.evaluate(async () => {
    await globalThis.picturesMove(75); // more than wait to be shown
    return {
      now: globalThis.peers.map(({ pc }) => pc.getConfiguration().iceServers[0]),
      routes: await Promise.all(globalThis.peers.map(async (peer) => (await peer.getStats()).route)),
      log: globalThis.log,
    };
  });
  assert.deepEqual(routes, ['relay', 'relay']);
  assert.deepEqual(log, []);
  for (const [i, server] of now.entries()) assert(endOf(server) > endOf(first[i]));
});

/** The TURN REST API has it in the name, in Unix seconds. */
function endOf({ username }) {
  return Number(username.split(':')[0]);
}

/** In the page: what a TURN server says to credentials. */
async function gather(server) {
  const pc = new RTCPeerConnection({ iceServers: [server], iceTransportPolicy: 'relay' });
  pc.createDataChannel('any');
  const answer = new Promise((resolve) => {
    pc.addEventListener('icecandidate', ({ candidate }) => candidate?.type === 'relay' && resolve('taken'));
    pc.addEventListener('icecandidateerror', ({ errorCode }) => resolve(errorCode === 401 ? 'refused' : errorCode));
  });
  await pc.setLocalDescription();
  return answer.finally(() => pc.close());
}
