/* Who has no WebRTC, as a bot in Node: in the room like everybody, with messages by way of the gateway. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { Room } from '../../client/switchboard.js';
import { stage } from './harness.mjs';
import { prepare } from './rooms.mjs';
import { after, settle, stage as scripted } from './scripted.mjs';

const CLIENT = new URL('../../client/', import.meta.url);
const { WebSocket } = createRequire(new URL('package.json', CLIENT))('ws');

/** A gateway, a page with a room that isn't joined yet, and bots. `heard` is what the page's room was sent, as [from, data, channel]. */
async function pageAndBots(t) {
  const { gateway, sdkPage, ...rest } = await stage(t);
  const page = await prepare(await sdkPage());
  await page.evaluate(() => {
    globalThis.room = new globalThis.sdk.Room({ room: 'kitchen' });
    globalThis.heard = [];
    globalThis.room.on('message', (peer, data, channel) => {
      globalThis.heard.push([peer.info?.name, data instanceof ArrayBuffer ? data.byteLength : data, channel]);
    });
  });

  /** A bot that isn't joined yet. */
  function bot(name = 'bot', options = {}) {
    const room = new Room({ room: 'kitchen', url: `ws://${gateway.address}/ws`, WebSocket, info: { name }, ...options });
    const heard = [];
    room.on('message', (peer, data, channel) => heard.push([peer.id, data, channel]));
    t.after(() => room.leave());
    return { room, heard };
  }

  const heardByPage = (count) => page.evaluate(async (count) => {
    const { room, next, heard } = globalThis;
    while (heard.length < count) await next(room, 'message');
    return heard;
  }, count);

  return { gateway, page, bot, heardByPage, sdkPage, ...rest };
}

/** The arguments of an event, as soon as they are the ones waited for. */
function next(room, event, isIt = () => true) {
  return new Promise((resolve) => {
    const stop = room.on(event, (...args) => {
      if (!isIt(...args)) return;
      stop();
      resolve(args);
    });
  });
}

const codeOf = (promise) => promise.then(() => 'sent', (error) => error.code ?? String(error));
const joinPage = (page) => page.evaluate(() => globalThis.room.join());

for (const first of ['bot', 'page']) {
  test(`a bot and a page talk, the ${first} being there first`, async (t) => {
    const { page, bot, heardByPage } = await pageAndBots(t);
    const { room, heard } = bot();
    // Both speak as soon as they see each other: what the page says waits until it knows how.
    room.on('peerjoin', async (peer) => {
      room.send({ hello: 'wörld' });
      room.send('for you', { to: peer.id, channel: 'whisper' });
      await room.send([1, null], { channel: 'list' });
    });
    await page.evaluate(() => {
      const { room } = globalThis;
      room.on('peerjoin', (peer) => {
        room.send('first', { to: peer.id });
        room.send({ second: 2 }, { channel: 'list' });
        room.send(['third'], { to: [peer.id] });
      });
    });
    const last = next(room, 'message', (peer, data) => data === 'last');
    if (first === 'bot') await room.join();
    await joinPage(page);
    if (first === 'page') await room.join();
    assert.deepEqual(await heardByPage(3), [['bot', { hello: 'wörld' }, ''], ['bot', 'for you', 'whisper'], ['bot', [1, null], 'list']]);
    const told = await page.evaluate(async () => {
      const [peer] = globalThis.room.peers.values();
      await globalThis.room.send('last');
      return { id: globalThis.room.id, state: peer.state, pc: peer.pc === undefined };
    });
    await last;
    const { id } = told;
    assert.deepEqual(heard, [[id, 'first', ''], [id, { second: 2 }, 'list'], [id, ['third'], ''], [id, 'last', '']]);
    assert.deepEqual(told, { id, state: 'connected', pc: true });
    const [peer] = room.peers.values();
    assert.deepEqual([peer.state, peer.pc], ['connected', undefined]);
  });
}

test('presence and info, and a bot that leaves', async (t) => {
  const { page, bot } = await pageAndBots(t);
  const { room } = bot();
  const log = [];
  room.on('state', (now) => log.push(now));
  room.on('peerjoin', () => log.push('peerjoin'));
  room.on('peerleave', (peer, reason) => log.push(reason));
  await page.evaluate(() => {
    const { room } = globalThis;
    const log = (globalThis.log = []);
    room.on('peerjoin', (peer) => log.push(`join ${peer.info.name}`));
    room.on('peerstate', (peer, state) => log.push(state));
    room.on('peerinfo', (peer) => log.push(`info ${peer.info.name}`));
    room.on('peerleave', (peer, reason) => log.push(reason));
  });
  await joinPage(page);
  await room.join();
  room.setInfo({ name: 'robot' });
  await page.waitForFunction(() => globalThis.log.length === 3);
  await room.leave();
  await page.waitForFunction(() => globalThis.log.length === 4);
  assert.deepEqual(await page.evaluate(() => globalThis.log), ['join bot', 'connected', 'info robot', 'left']);
  assert.deepEqual(log, ['joining', 'joined', 'peerjoin', 'left', 'left']);
});

test('bots among themselves', async (t) => {
  const { bot } = await pageAndBots(t);
  const [ann, ben] = [bot('ann'), bot('ben')];
  await ann.room.join();
  const met = next(ann.room, 'peerjoin');
  await ben.room.join();
  await met;
  const both = [ann, ben].map(({ room }) => next(room, 'message', (peer, data) => data === 2));
  for (const { room } of [ann, ben]) for (const n of [1, 2]) await room.send(n);
  await Promise.all(both);
  assert.deepEqual([ann.heard, ben.heard], [[[ben.room.id, 1, ''], [ben.room.id, 2, '']], [[ann.room.id, 1, ''], [ann.room.id, 2, '']]]);
});

test('what the gateway does not take is refused; what is for everybody reaches those who can have it', async (t) => {
  const { page, bot, heardByPage } = await pageAndBots(t);
  const { room } = bot();
  await room.join();
  const met = next(room, 'peerjoin');
  const other = bot('other', { RTCPeerConnection: undefined }).room;
  await other.join();
  await met;
  const large = 'x'.repeat(64 * 1024);
  const codes = {
    bytes: [await codeOf(room.send(new Uint8Array(3))), await codeOf(room.send(new Uint8Array(3), { to: other.id }))],
    large: [await codeOf(room.send(large)), await codeOf(room.send(large, { to: other.id }))],
    nobody: await codeOf(room.send('x', { to: 'nobody' })),
    file: await codeOf(room.sendFile(new Blob(['x']), { to: other.id })),
    stream: await codeOf((async () => room.publish({}))()),
  };
  assert.deepEqual(codes, {
    bytes: ['bad_message', 'bad_message'], large: ['too_large', 'too_large'], nobody: 'peer_gone', file: 'unsupported', stream: 'unsupported',
  });

  const waited = page.evaluate(() => {
    const { room, codeOf } = globalThis;
    return new Promise((resolve) => room.on('peerjoin', (peer) => resolve(codeOf(room.send(new Uint8Array(3), { to: peer.id }))), { once: true }));
  });
  await joinPage(page);
  assert.equal(await waited, 'bad_message');
  const fromPage = await page.evaluate(async (large) => {
    const { sdk, room, codeOf, next } = globalThis;
    const second = new sdk.Room({ room: 'kitchen' });
    const arrived = [];
    second.on('message', (peer, data) => arrived.push(data.byteLength ?? data.length));
    const connected = next(room, 'peerstate', (peer, state) => state === 'connected' && peer.pc);
    await second.join();
    await connected;
    const last = next(second, 'message', (peer, data) => data.length === 4);
    const [bot] = room.peers.keys();
    const codes = [
      await codeOf(room.send(new Uint8Array(3))),
      await codeOf(room.send(new Uint8Array(3), { to: bot })),
      await codeOf(room.send(large)),
      await codeOf(room.send(large, { to: bot })),
      await codeOf(room.sendFile(new Blob(['x']), { to: bot })),
      await codeOf(room.send('last', { to: second.id })),
    ];
    await last;
    return { codes, arrived };
  }, large);
  assert.deepEqual(fromPage, { codes: ['sent', 'bad_message', 'sent', 'too_large', 'channel_closed', 'sent'], arrived: [3, large.length, 4] });
  room.send('still there');
  other.send('I, too');
  assert.deepEqual((await heardByPage(2)).map(([, data]) => data).sort(), ['I, too', 'still there']);
});

test('a bot whose connection breaks misses nothing', async (t) => {
  const { page, bot, heardByPage } = await pageAndBots(t);
  const sockets = [];
  let mayReturn = Promise.resolve();
  const { room, heard } = bot('bot', {
    token: () => mayReturn,
    WebSocket: class extends WebSocket {
      constructor(...args) {
        super(...args);
        sockets.push(this);
      }
    },
  });
  await room.join();
  const { id } = room;
  await joinPage(page);
  await page.evaluate(() => {
    const { room, next } = globalThis;
    globalThis.away = next(room, 'peeraway').then(() => room.send('meanwhile'));
    return room.send('before', { to: [...room.peers.keys()] });
  });
  if (heard.length === 0) await next(room, 'message');

  mayReturn = page.evaluate(() => globalThis.away);
  const isBack = next(room, 'state', (now) => now === 'joined');
  sockets[0].terminate();
  await next(room, 'state', (now) => now === 'reconnecting');
  await room.send('from afar');
  await isBack;
  if (heard.length === 1) await next(room, 'message');
  assert.deepEqual(heard.map(([, data]) => data), ['before', 'meanwhile']);
  assert.deepEqual(await heardByPage(1), [['bot', 'from afar', '']]);
  assert.deepEqual([room.id, sockets.length], [id, 2]);
});

test('a page that wants no WebRTC talks through the gateway', async (t) => {
  const { page, bot, heardByPage } = await pageAndBots(t);
  await page.evaluate(() => {
    const { sdk, heard } = globalThis;
    globalThis.room = new sdk.Room({ room: 'kitchen', RTCPeerConnection: null });
    globalThis.room.on('message', (peer, data, channel) => heard.push([peer.info?.name, data, channel]));
  });
  await joinPage(page);
  const { room } = bot();
  await room.join();
  await room.send('hello');
  assert.deepEqual(await heardByPage(1), [['bot', 'hello', '']]);
});

test('a process ends by itself when its bot has left', async (t) => {
  const { gateway } = await stage(t);
  const { stdout, code } = await run(`
    const room = new Room({ room: 'kitchen', url: 'ws://${gateway.address}/ws', WebSocket });
    await room.join();
    console.log(room.state);
    await room.leave();
    console.log(room.state);
  `);
  assert.deepEqual([stdout, code], ['joined\nleft\n', 0]);
});

test('the bot of the documentation works, and leaves when it is told to', async (t) => {
  const { gateway, page, heardByPage } = await pageAndBots(t);
  const [, source] = readFileSync(new URL('../docs/sdk.md', CLIENT), 'utf8').match(/^## In Node\n.*?```js\n(.*?)```/ms);
  const script = source
    .replace("'switchboard-client'", `'${new URL('switchboard.js', CLIENT)}'`)
    .replace("'ws'", `'${new URL('node_modules/ws/wrapper.mjs', CLIENT)}'`)
    .replace('wss://rooms.example.org/ws', `ws://${gateway.address}/ws`)
    .replace("'tea'", "'kitchen'");
  await joinPage(page);
  const bot = start(script);
  assert.deepEqual(await heardByPage(1), [['Clock', 'Hello you! Ask me the time.', 'chat']]);
  await page.evaluate(() => globalThis.room.send('What time is it?', { channel: 'chat' }));
  assert.match((await heardByPage(2))[1][1], /^\d\d:\d\d:\d\d GMT/);
  const left = page.evaluate(() => globalThis.next(globalThis.room, 'peerleave').then(([, reason]) => reason));
  await page.evaluate(() => {}); // the page listens by now
  bot.kill('SIGINT');
  assert.deepEqual(await once(bot, 'close'), [0, null]);
  assert.equal(await left, 'left');
});

test('so it does when nothing is there to connect to', async () => {
  const { stdout, code } = await run(`
    const room = new Room({ room: 'kitchen', url: 'ws://127.0.0.1:9/ws', WebSocket });
    await room.join().catch(({ code }) => console.log(code));
  `);
  assert.deepEqual([stdout, code], ['unavailable\n', 0]);
});

test('without a WebSocket, a room says so', async () => {
  const { stdout, code } = await run(`
    delete globalThis.WebSocket;
    await new Room({ room: 'kitchen', url: 'ws://127.0.0.1:9/ws' }).join().catch(({ code, message }) => console.log(code, message));
  `);
  assert.deepEqual([stdout, code], ['unsupported There is no WebSocket here.\n', 0]);
});

/** A script in a process of its own. */
function start(script) {
  return spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** What a script prints, in a process of its own, which has to end by itself. */
async function run(script) {
  const setup = `
    import { createRequire } from 'node:module';
    import { Room } from '${new URL('switchboard.js', CLIENT)}';
    const { WebSocket } = createRequire('${new URL('package.json', CLIENT)}')('ws');
  `;
  const child = start(setup + script);
  let stdout = '';
  child.stdout.on('data', (text) => (stdout += text));
  const [code] = await once(child, 'close');
  return { stdout, code };
}

/* With a gateway whose every word is the test's. */

test('who has no WebRTC says so to each, and again when that may be lost', async (t) => {
  const { join, log } = scripted(t, { RTCPeerConnection: null });
  const socket = await join({ peers: ['ann', 'ben'] });
  const told = () => socket.heard('data').map(({ data, n }) => [data, n]);
  assert.deepEqual(told(), [[{ socketId: 'ann' }, 1], [{ socketId: 'ben' }, 2]]);
  socket.say('new_peer', { socketId: 'cat', info: null, version: 11 });
  assert.deepEqual(told().at(-1), [{ socketId: 'cat' }, 3]);
  socket.say('error', { code: 'unavailable', message: 'not now', retryable: true, n: 1, socketId: 'ann' });
  await after(300);
  assert.deepEqual(told().at(-1), [{ socketId: 'ann' }, 4]);
  socket.say('gap');
  assert.deepEqual(told().slice(4).map(([{ socketId }]) => socketId), ['ann', 'ben', 'cat']);
  assert.deepEqual(log, ['peerjoin cat', 'error unavailable']);
});

test('a message that the gateway refuses gives an error, with the peer that it was for', async (t) => {
  const { room, join } = scripted(t);
  const socket = await join();
  socket.say('data', { socketId: 'ann' }, 1);
  await room.send('hello', { to: 'ann' });
  const [{ n }] = socket.heard('data');
  const refused = next(room, 'error');
  socket.say('error', { code: 'rate_limited', message: 'too fast', retryable: true, retryAfterMs: 50, n, socketId: 'ann' });
  const [{ code, peerId, retryAfterMs }] = await refused;
  assert.deepEqual([code, peerId, retryAfterMs], ['rate_limited', 'ann', 50]);
});

test('what waits for the gateway is bounded', async (t) => {
  const { room, join } = scripted(t, { RTCPeerConnection: null });
  const socket = await join();
  const codes = await Promise.all(Array.from({ length: 1002 }, (_, i) => codeOf(room.send(i))));
  assert.deepEqual([codes.indexOf('overloaded'), codes.filter((code) => code === 'sent').length], [1000, 1000]);
  socket.say('ack', { n: 1001 });
  assert.equal(await codeOf(room.send('again')), 'sent');
});

test('a data event that no peer sent, and what is no message', async (t) => {
  const { room, log, join } = scripted(t);
  const socket = await join();
  const heard = [];
  room.on('message', (peer, data, channel) => heard.push([data, channel]));
  socket.say('data', { channel: '', data: 'an announcement of the operator' });
  assert(room.peers.get('ann').pc);
  socket.say('data', { socketId: 'ann', channel: 7, data: 'x' }, 1);
  socket.say('data', { socketId: 'ann', channel: '', data: null }, 2);
  socket.say('offer', { socketId: 'ann', sdp: { type: 'offer', sdp: 'late' }, streams: {} }, 3);
  socket.say('ice_candidate', { socketId: 'ann', candidate: 'late' }, 4);
  await settle();
  assert.deepEqual([heard, log], [[[null, '']], []]);
  assert.equal(room.peers.get('ann').pc, undefined);
});
