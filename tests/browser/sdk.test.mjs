/* The SDK in a page, without the demo around it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notIn, SERVER_AWAY } from './browsers.mjs';
import { stage } from './harness.mjs';
import { pageOfTwo, prepare, roomsPage } from './rooms.mjs';

test('the SDK can be imported on a server', async () => {
  const { Room } = await import('../../client/switchboard.js');
  assert.equal(new Room({ room: 'kitchen' }).state, 'idle');
});

test('both sides publish and unpublish at once, many times', async (t) => {
  const page = await pageOfTwo(t);
  const result = await page.evaluate(async () => {
    const { first, second, offers, picture, next } = globalThis;
    const rooms = [first, second];
    for (let round = 0; round < 20; round++) {
      const source = `round-${round}`;
      const seen = rooms.map((room) => next(room, 'stream', (peer, stream, told) => told === source));
      const streams = rooms.map(() => picture());
      const publications = rooms.map((room, i) => room.publish(streams[i], { source }));
      await Promise.all(seen);
      const gone = rooms.map((room) => next(room, 'streamend'));
      for (const publication of publications) publication.unpublish();
      await Promise.all(gone);
      for (const stream of streams) stream.getTracks()[0].stop();
    }
    const [peer] = first.peers.values();
    return { offers, transceivers: peer.pc.getTransceivers().length, streams: peer.streams.size };
  });
  assert(Math.min(...Object.values(result.offers)) >= 20, `both sides offered, so offers collided: ${JSON.stringify(result)}`);
  assert.equal(result.streams, 0);
  assert(result.transceivers <= 4, `media sections are used again, got ${result.transceivers}`);
});

test('both sides look for a new way through the network at once', async (t) => {
  const page = await pageOfTwo(t, { published: true });
  const offers = await page.evaluate(async () => {
    const { first, second, offers } = globalThis;
    const pcs = [first, second].map((room) => [...room.peers.values()][0].pc);
    const fragment = (pc) => /a=ice-ufrag:(.*)/.exec(pc.localDescription.sdp)[1];
    for (let round = 0; round < 50 && Math.min(offers.first, offers.second) < 5; round++) {
      const before = pcs.map(fragment);
      const settled = pcs.map(
        (pc, i) =>
          new Promise((resolve) => {
            const look = () => pc.signalingState === 'stable' && fragment(pc) !== before[i] && resolve();
            pc.addEventListener('signalingstatechange', look);
          }),
      );
      for (const room of [first, second]) for (const peer of room.peers.values()) peer.restartIce();
      await Promise.all(settled);
    }
    await first.send('still there', { to: second.id });
    return offers;
  });
  assert(Math.min(...Object.values(offers)) >= 5, `both sides offered: ${JSON.stringify(offers)}`);
});

test('candidates of an ignored offer are ignored, other bad ones are told', async (t) => {
  const page = await roomsPage(t);
  const errors = await page.evaluate(async () => {
    const { Negotiation } = await import('/sdk/negotiation.js');
    const [impolite, other] = [new RTCPeerConnection(), new RTCPeerConnection()];
    const useless = { candidate: 'candidate:1 1 udp 2122260223 127.0.0.1 9 typ host', sdpMid: 'no such section' };
    const errors = [];
    const told = new Promise((resolve) => {
      const negotiation = new Negotiation(impolite, false, {
        async sendDescription() {
          other.addTransceiver('video');
          await other.setLocalDescription();
          negotiation.receiveDescription(other.localDescription); // collides
          negotiation.receiveCandidate(useless);
          await other.setRemoteDescription(impolite.localDescription);
          await other.setLocalDescription();
          negotiation.receiveDescription(other.localDescription); // answers
          negotiation.receiveCandidate(useless);
          negotiation.receiveDescription({ type: 'offer', get sdp() { throw new Error('the last thing to fail'); } });
        },
        sendCandidate() {},
        beforeAnswer() {},
        onerror(error) {
          errors.push(error.message);
          if (error.message === 'the last thing to fail') resolve();
        },
      });
      impolite.addTransceiver('audio');
    });
    await told;
    return errors;
  });
  assert.equal(errors.length, 2, errors.join('\n'));
});

test('candidates that come before their offer still count', async (t) => {
  const page = await roomsPage(t);
  const early = await page.evaluate(async () => {
    const { sdk, join, next, picture } = globalThis;
    const early = [];
    /** Holds the first offer back until candidates have overtaken it: the gateway refused it, and it was sent again. */
    class Overtaking extends WebSocket {
      addEventListener(type, listener, options) {
        if (type !== 'message') return super.addEventListener(type, listener, options);
        let offer = null;
        let n = 0;
        const hear = (frame) => listener(new MessageEvent('message', { data: JSON.stringify({ ...frame, n: frame.n && ++n }) }));
        super.addEventListener(type, ({ data }) => {
          const frame = JSON.parse(data);
          if (frame.eventName === 'offer' && !offer) return (offer = frame);
          hear(frame);
          if (frame.eventName === 'ice_candidate' && offer && early.push(frame) === 1) hear(offer);
        }, options);
      }
    }
    const first = new sdk.Room({ room: 'kitchen', WebSocket: Overtaking });
    await first.join();
    const connected = next(first, 'peerstate', (peer, state) => state === 'connected');
    const second = new sdk.Room({ room: 'kitchen' });
    second.publish(picture());
    await second.join();
    await connected;
    return early.length;
  });
  assert(early >= 1);
});

test('nothing collides when somebody joins', async (t) => {
  const page = await pageOfTwo(t, { published: true });
  const { offers } = await page.evaluate(() => ({ offers: globalThis.offers }));
  assert.deepEqual(offers, { first: 0, second: 1 });
});

test('a track is replaced without a new stream', async (t) => {
  const page = await pageOfTwo(t);
  await page.evaluate(async () => {
    const { first, second, picture, next, sizeOf } = globalThis;
    const arrival = next(second, 'stream');
    const publication = first.publish(picture(320, 240), { source: 'screen' });
    const [, stream, source] = await arrival;
    if (source !== 'screen') throw new Error(`arrived as ${source}`);
    await sizeOf(stream, 320, 240);
    const [wider] = picture(640, 240).getVideoTracks();
    await publication.replaceTrack('video', wider);
    await sizeOf(stream, 640, 240);
  });
});

test('what was published before joining reaches who was there and who comes later', async (t) => {
  const page = await roomsPage(t);
  await page.evaluate(async () => {
    const { sdk, picture, next } = globalThis;
    const [ada, ben, eve] = [1, 2, 3].map(() => new sdk.Room({ room: 'kitchen' }));
    await ada.join();
    ben.publish(picture());
    const seen = [next(ada, 'stream'), next(eve, 'stream')];
    await ben.join();
    await eve.join();
    await Promise.all(seen);
  });
});

test('messages: to everybody, to one, on a channel, as bytes, in order', async (t) => {
  const page = await pageOfTwo(t);
  const received = await page.evaluate(async () => {
    const { first, second, next } = globalThis;
    const received = [];
    second.on('message', (peer, data, channel) => {
      const bytes = data instanceof ArrayBuffer;
      received.push([peer.id === first.id, bytes ? [...new Uint8Array(data)] : data, channel]);
    });
    const last = next(second, 'message', (peer, data) => data === 'last');
    first.send({ hello: 'wörld' });
    first.send('for you', { to: second.id, channel: 'whisper' });
    first.send(new Uint8Array([1, 2, 3]).buffer, { channel: 'bytes ✓' });
    await first.send('last');
    await last;
    return received;
  });
  assert.deepEqual(received, [
    [true, { hello: 'wörld' }, ''],
    [true, 'for you', 'whisper'],
    [true, [1, 2, 3], 'bytes ✓'],
    [true, 'last', ''],
  ]);
});

test('sending waits for a slow network instead of filling memory', async (t) => {
  const page = await pageOfTwo(t);
  const { total, mostBuffered } = await page.evaluate(async () => {
    const { first, second, next, channels } = globalThis;
    const CHUNK = 128 * 1024;
    const CHUNKS = 100;
    // A message to a peer that is named waits for its channel; what waits for one that isn't open yet is bounded.
    const ready = next(second, 'message');
    await first.send('ready', { to: second.id });
    await ready;
    let total = 0;
    const all = new Promise((resolve) => {
      second.on('message', (peer, data) => {
        total += data.byteLength;
        if (total === CHUNK * CHUNKS) resolve();
      });
    });
    let mostBuffered = 0;
    for (let i = 0; i < CHUNKS; i++) {
      first.send(new ArrayBuffer(CHUNK)); // not awaited: the order and the limit hold all the same
      mostBuffered = Math.max(mostBuffered, ...channels.map(({ bufferedAmount }) => bufferedAmount));
    }
    const watch = setInterval(() => (mostBuffered = Math.max(mostBuffered, ...channels.map(({ bufferedAmount }) => bufferedAmount))), 1);
    await all;
    clearInterval(watch);
    return { total, mostBuffered };
  });
  assert.equal(total, 100 * 128 * 1024);
  assert(mostBuffered > 0 && mostBuffered <= 512 * 1024, `${mostBuffered} bytes were buffered`);
});

test('sending that cannot work says why', async (t) => {
  const page = await pageOfTwo(t);
  const codes = await page.evaluate(async () => {
    const { first, second, sdk, codeOf } = globalThis;
    const codes = [
      await codeOf(new sdk.Room({ room: 'kitchen' }).send('x')),
      await codeOf(first.send('x', { to: 'nobody' })),
    ];
    const waiting = codeOf(first.send('x'.repeat(200_000), { to: second.id }));
    await first.leave();
    return [...codes, await waiting, await codeOf(first.send('x'))];
  });
  assert.deepEqual(codes.slice(0, 2), ['not_joined', 'peer_gone']);
  assert(['sent', 'channel_closed'].includes(codes[2]));
  assert.equal(codes[3], 'not_joined');
});

test('a message larger than the browsers agreed on is not sent', notIn({ firefox: 'two of it agree on 1 GiB' }), async (t) => {
  const page = await pageOfTwo(t);
  const code = await page.evaluate(() => {
    const { first, second, codeOf } = globalThis;
    return codeOf(first.send(new ArrayBuffer(10_000_000), { to: second.id }));
  });
  assert.equal(code, 'too_large');
});

test('leave twice, and join again', async (t) => {
  const page = await pageOfTwo(t);
  const log = await page.evaluate(async () => {
    const { first, second, next } = globalThis;
    const log = [];
    second.on('peerjoin', () => log.push('join'));
    second.on('peerleave', (peer, reason) => log.push(reason));
    const was = first.id;
    const gone = next(second, 'peerleave');
    await Promise.all([first.leave(), first.leave()]);
    await gone;
    log.push(first.state, first.id, first.peers.size);
    const back = next(second, 'peerstate', (peer, state) => state === 'connected');
    await first.join();
    await back;
    log.push(first.state, first.id !== was, first.peers.size);
    return log;
  });
  assert.deepEqual(log, ['left', 'left', null, 0, 'join', 'joined', true, 1]);
});

test('states are told in order', async (t) => {
  const page = await roomsPage(t);
  const states = await page.evaluate(async () => {
    const room = new globalThis.sdk.Room({ room: 'kitchen' });
    const states = [room.state];
    room.on('state', (now, was) => states.push([was, now]));
    await room.join();
    await room.leave();
    return states;
  });
  assert.deepEqual(states, ['idle', ['idle', 'joining'], ['joining', 'joined'], ['joined', 'left']]);
});

test('info is seen, and seen to change', async (t) => {
  const page = await roomsPage(t);
  const infos = await page.evaluate(async () => {
    const { sdk, next } = globalThis;
    const first = new sdk.Room({ room: 'kitchen', info: { name: 'Ada' } });
    const second = new sdk.Room({ room: 'kitchen', info: { name: 'Ben' } });
    await first.join();
    const arrival = next(first, 'peerjoin');
    await second.join();
    const [ben] = await arrival;
    const [ada] = second.peers.values();
    const infos = [ada.info.name, ben.info.name];
    const change = next(first, 'peerinfo');
    second.setInfo({ name: 'Benjamin' });
    await change;
    return [...infos, ben.info.name];
  });
  assert.deepEqual(infos, ['Ada', 'Ben', 'Benjamin']);
});

test('joining that cannot work says why', async (t) => {
  const { sdkPage, expectError } = await stage(t, ['--room-capacity', '1']);
  expectError(SERVER_AWAY);
  const page = await prepare(await sdkPage());
  const codes = await page.evaluate(async () => {
    const { sdk, codeOf } = globalThis;
    const join = (options, joinOptions) => codeOf(new sdk.Room({ room: 'kitchen', ...options }).join(joinOptions));
    const late = new AbortController();
    const aborted = join({}, { signal: late.signal });
    late.abort();
    const left = new sdk.Room({ room: 'kitchen' });
    const leaving = codeOf(left.join());
    await left.leave();
    return {
      aborted: [await aborted, await join({}, { signal: AbortSignal.abort() }), await leaving],
      bad_room: [await join({ room: '' }), await join({ room: 'é'.repeat(65) })],
      unavailable: [await join({ url: 'ws://127.0.0.1:9/ws' })],
      full: [await join(), await join()],
    };
  });
  assert.deepEqual(codes, {
    aborted: ['aborted', 'aborted', 'aborted'],
    bad_room: ['bad_room', 'bad_room'],
    unavailable: ['unavailable'],
    full: ['sent', 'room_full'],
  });
});

test('a gateway that never answers', async (t) => {
  const page = await roomsPage(t);
  await page.clock.install();
  const joining = page.evaluate(() => {
    class Silent extends EventTarget {
      close() { this.dispatchEvent(new CloseEvent('close')); }
    }
    const room = new globalThis.sdk.Room({ room: 'kitchen', WebSocket: Silent });
    const code = globalThis.codeOf(room.join());
    return code.then((code) => [code, room.state]);
  });
  await page.clock.fastForward('00:11');
  assert.deepEqual(await joining, ['timeout', 'failed']);
});

/** The errors of joining where the gateway closes at once, in each of these ways. */
function errorsOfCloses(page, closes) {
  return page.evaluate((closes) => {
    const errors = closes.map((close) => {
      class Closing extends EventTarget {
        constructor() {
          super();
          queueMicrotask(() => this.dispatchEvent(new CloseEvent('close', close)));
        }
        close() { this.dispatchEvent(new CloseEvent('close')); }
      }
      const room = new globalThis.sdk.Room({ room: 'kitchen', WebSocket: Closing });
      return room.join().catch(({ code, closeCode, fatal, retryable, message }) => ({ code, closeCode, fatal, retryable, message, state: room.state }));
    });
    return Promise.all(errors);
  }, closes);
}

test('close codes become errors', async (t) => {
  const again = {
    1001: 'unavailable', 1006: 'unavailable', 1012: 'restart', 1013: 'overloaded', 4500: 'internal', 4503: 'unavailable',
    4504: 'ping_timeout', 4508: 'slow_consumer', 4529: 'rate_limited',
  };
  const final = {
    1002: 'bad_message', 1007: 'bad_message', 1009: 'too_large', 4400: 'bad_message', 4401: 'unauthorized', 4403: 'forbidden',
    4408: 'join_timeout', 4409: 'replaced', 4410: 'kicked', 4411: 'room_closed',
  };
  const expected = [...Object.entries(again), ...Object.entries(final)];
  const errors = await errorsOfCloses(await roomsPage(t), expected.map(([closeCode]) => ({ code: Number(closeCode) })));
  expected.forEach(([closeCode, code], i) => {
    const { message, ...told } = errors[i];
    assert.deepEqual(told, { code, closeCode: Number(closeCode), fatal: true, retryable: closeCode in again, state: 'failed' });
    assert.equal(message, closeCode < 1002 || closeCode == 1006 ? 'The gateway cannot be reached.' : `The gateway closed the connection: ${closeCode} ${code}`);
  });
});

test('the reason of a close is told, and is no error code', async (t) => {
  const closes = [{ code: 4410, reason: 'forbidden' }, { code: 4499, reason: 'banned' }, { code: 4600, reason: 'moved' }, { code: 4499 }];
  const errors = await errorsOfCloses(await roomsPage(t), closes);
  assert.deepEqual(errors.map(({ code, retryable, message }) => [code, retryable, message]), [
    ['kicked', false, 'The gateway closed the connection: 4410 forbidden'],
    ['unavailable', false, 'The gateway closed the connection: 4499 banned'],
    ['unavailable', true, 'The gateway closed the connection: 4600 moved'],
    ['unavailable', false, 'The gateway cannot be reached.'],
  ]);
});

test('without reconnecting, a lost connection is told once, and joining again works', async (t) => {
  const { gateway, sdkPage } = await stage(t);
  const page = await prepare(await sdkPage());
  await page.evaluate(async () => {
    const room = (globalThis.room = new globalThis.sdk.Room({ room: 'kitchen', reconnect: false }));
    globalThis.log = [];
    room.on('state', (now, was, details) => globalThis.log.push([now, details?.error.code]));
    room.on('error', (error) => globalThis.log.push(['error', error.code]));
    await room.join();
  });
  await gateway.stop();
  await page.waitForFunction(() => globalThis.room.state === 'failed');
  await gateway.start();
  const log = await page.evaluate(async () => {
    await globalThis.room.join();
    return globalThis.log;
  });
  const joining = [['joining', null], ['joined', null]].map(([state]) => [state, undefined]);
  assert.deepEqual(log.map(([what, code]) => [what, code ?? undefined]), [...joining, ['failed', 'unavailable'], ['error', 'unavailable'], ...joining]);
});

test('an error nobody listens for is logged', async (t) => {
  const { gateway, sdkPage, expectError } = await stage(t);
  expectError(/The gateway cannot be reached/);
  const page = await prepare(await sdkPage());
  await page.evaluate(() => new globalThis.sdk.Room({ room: 'kitchen', reconnect: false }).join());
  const line = page.waitForEvent('console', (message) => message.type() === 'error');
  await gateway.stop();
  assert.match((await line).text(), /The gateway cannot be reached/);
});

test('listeners: once, with a signal, unsubscribed', async (t) => {
  const page = await roomsPage(t);
  const calls = await page.evaluate(async () => {
    const room = new globalThis.sdk.Room({ room: 'kitchen' });
    const calls = { once: 0, signal: 0, stopped: 0, aborted: 0, always: 0 };
    const controller = new AbortController();
    const stop = room.on('state', () => calls.stopped++);
    room.on('state', () => calls.once++, { once: true });
    room.on('state', () => calls.signal++, { signal: controller.signal });
    room.on('state', () => calls.aborted++, { signal: AbortSignal.abort() });
    room.on('state', () => calls.always++);
    await room.join();
    stop();
    controller.abort();
    await room.leave();
    return calls;
  });
  assert.deepEqual(calls, { once: 1, signal: 2, stopped: 2, aborted: 0, always: 3 });
});

test("a listener's mistake harms nobody else", async (t) => {
  const { sdkPage, expectError } = await stage(t);
  expectError(/the mistake/);
  const page = await prepare(await sdkPage());
  const mistake = page.waitForEvent('pageerror');
  const state = await page.evaluate(async () => {
    const room = new globalThis.sdk.Room({ room: 'kitchen' });
    room.on('state', () => {
      throw new Error('the mistake');
    });
    await room.join();
    return room.state;
  });
  assert.equal(state, 'joined');
  assert.match((await mistake).message, /the mistake/);
});
