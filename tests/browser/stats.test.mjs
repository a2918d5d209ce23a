/* How well a connection does: from reports as browsers make them, and in a real call. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Meter, statsOf } from '../../client/sdk/stats.js';
import { pageOfTwo } from './rooms.mjs';

const report = (...entries) => new Map(entries.map((entry) => [entry.id, entry]));
const candidate = (id, candidateType) => ({ id, type: id.startsWith('remote') ? 'remote-candidate' : 'local-candidate', candidateType });
const transport = { id: 'transport', type: 'transport', selectedCandidatePairId: 'pair' };
const pair = (bytesReceived, bytesSent, more) => ({ id: 'pair', type: 'candidate-pair', localCandidateId: 'local', remoteCandidateId: 'remote', bytesReceived, bytesSent, ...more });
const media = (id, packetsReceived, packetsLost, more) => ({ id, type: 'inbound-rtp', packetsReceived, packetsLost, ...more });
const picture = (id, frameWidth, frameHeight, framesPerSecond) => media(id, 0, 0, { frameWidth, frameHeight, framesPerSecond });
const NOTHING = report();

test('of a connection that has no way yet', () => {
  assert.deepEqual(statsOf(NOTHING, NOTHING, 1), {
    route: undefined, rttMs: undefined, kbpsIn: 0, kbpsOut: 0, packetLoss: undefined, video: undefined,
  });
});

test('the way is told by its nearer end, but a relay at either end is one', () => {
  const route = (local, remote) => statsOf(report(transport, pair(0, 0), candidate('local', local), candidate('remote', remote)), NOTHING, 1).route;
  assert.equal(route('host', 'host'), 'host');
  assert.equal(route('srflx', 'host'), 'srflx');
  assert.equal(route('prflx', 'srflx'), 'prflx');
  assert.equal(route('relay', 'host'), 'relay');
  assert.equal(route('host', 'relay'), 'relay');
});

test('there and back, in milliseconds', () => {
  const rtt = (currentRoundTripTime) => statsOf(report(transport, pair(0, 0, { currentRoundTripTime })), NOTHING, 1).rttMs;
  assert.deepEqual([0.0374, 0, undefined].map(rtt), [37, 0, undefined]);
});

test('rates are of the time between two reports, whatever way was taken', () => {
  const before = report(transport, pair(1_000_000, 5000));
  const { kbpsIn, kbpsOut } = statsOf(report(transport, pair(1_250_000, 5500), { ...pair(250_000, 0), id: 'new pair' }), before, 2);
  assert.deepEqual([kbpsIn, kbpsOut], [2000, 2]);
  const restarted = statsOf(report(transport, { ...pair(2500, 0), id: 'new pair' }), before, 2);
  assert.deepEqual([restarted.kbpsIn, restarted.kbpsOut], [10, 0], 'an old pair that is gone is no negative rate');
});

test('losses are of the time between two reports, whatever stream', () => {
  const before = report(media('a', 1000, 500), media('ended', 10_000, 9000));
  const loss = (...entries) => statsOf(report(...entries), before, 1).packetLoss;
  assert.equal(loss(media('a', 1090, 510)), 0.1);
  assert.equal(loss(media('a', 1080, 510), media('b', 10, 0)), 0.1);
  assert.equal(loss(media('a', 1010, 490)), 0, 'packets that were late and not lost');
  assert.equal(loss(media('a', 1000, 500)), undefined);
});

test('the largest picture that moves', () => {
  const still = picture('screen', 1920, 1080, undefined);
  const { video } = statsOf(report(media('sound', 50, 0), still, picture('thumb', 160, 120, 15), picture('camera', 640, 480, 29.7)), NOTHING, 1);
  assert.deepEqual(video, { width: 640, height: 480, fps: 30 });
  assert.equal(statsOf(report(still), NOTHING, 1).video, undefined);
});

test('who asks right after somebody else is told of the same time; the first, of all since the beginning', (t) => {
  let now = 1000;
  t.mock.method(performance, 'now', () => now);
  const meter = new Meter();
  const kbpsAt = (at, bytes) => {
    now = at;
    return meter.read(report(pair(bytes, 0))).kbpsIn;
  };
  assert.equal(kbpsAt(3000, 250_000), 1000, 'of two seconds');
  assert.equal(kbpsAt(3000, 250_000), 1000);
  assert.equal(kbpsAt(3100, 262_500), 1000, 'a little more of both');
  assert.equal(kbpsAt(4000, 500_000), 2000, 'of one second');
});

test('a real call', async (t) => {
  const page = await pageOfTwo(t, { published: true });
  await page.evaluate(() => {
    globalThis.peers = [globalThis.first, globalThis.second].flatMap((room) => [...room.peers.values()]);
  });
  const read = () => page.evaluate(() => Promise.all(globalThis.peers.map((peer) => peer.getStats())));
  const flows = ({ kbpsIn, video }) => kbpsIn > 10 && video?.fps > 1;
  const early = await read();
  const late = Date.now() + 20_000;
  let later = early;
  while (!later.every(flows)) {
    assert(Date.now() < late, `what flows isn't told: ${JSON.stringify(later)}`);
    later = await read();
  }
  for (const { route } of [...early, ...later]) assert(['host', 'prflx'].includes(route), `no server was needed, but the way is ${route}`);
  for (const { rttMs, kbpsIn, kbpsOut, packetLoss, video } of later) {
    assert.deepEqual([video.width, video.height], [160, 120]);
    assert(rttMs >= 0, `${rttMs} ms`);
    assert(kbpsIn < 5000 && kbpsOut > 0 && kbpsOut < 5000, `${kbpsIn} and ${kbpsOut} kbit/s for such a picture`);
    assert(packetLoss >= 0 && packetLoss <= 1, `${packetLoss} of the packets lost`);
  }
});
