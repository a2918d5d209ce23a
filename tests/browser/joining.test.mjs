/* Joining, and what can come between. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roomsPage } from './rooms.mjs';

test('what is changed while joining is seen', async (t) => {
  const page = await roomsPage(t);
  const info = await page.evaluate(async () => {
    const { sdk, next } = globalThis;
    const first = new sdk.Room({ room: 'kitchen' });
    await first.join();
    const arrival = next(first, 'peerjoin');
    const second = new sdk.Room({ room: 'kitchen', info: { name: 'Ben' } });
    const joined = second.join();
    second.setInfo({ name: 'Benjamin' });
    await joined;
    const [peer] = await arrival;
    return peer.info;
  });
  assert.deepEqual(info, { name: 'Benjamin' });
});

test('info too large to send, set while joining, leaves the room joined', async (t) => {
  const page = await roomsPage(t);
  const result = await page.evaluate(async () => {
    const { sdk, next } = globalThis;
    const room = new sdk.Room({ room: 'kitchen' });
    const told = next(room, 'error');
    const joined = room.join();
    room.setInfo('x'.repeat(70_000));
    await joined;
    const [{ code, fatal }] = await told;
    return [code, fatal, room.state];
  });
  assert.deepEqual(result, ['too_large', false, 'joined']);
});

test('a browser without peer connections is told so', async (t) => {
  const page = await roomsPage(t);
  const result = await page.evaluate(async () => {
    delete globalThis.RTCPeerConnection;
    const room = new globalThis.sdk.Room({ room: 'kitchen' });
    return [await globalThis.codeOf(room.join()), room.state];
  });
  assert.deepEqual(result, ['unsupported', 'idle']);
});

test('an address that is none', async (t) => {
  const page = await roomsPage(t);
  const errors = await page.evaluate(async () => {
    const { Room, SwitchboardError } = globalThis.sdk;
    const failures = ['http://', 'ftp://example.org/'].map((url) => new Room({ room: 'kitchen', url }).join().catch((error) => error));
    return (await Promise.all(failures)).map((error) => [error instanceof SwitchboardError, error.code, error.retryable, error.cause instanceof Error]);
  });
  for (const error of errors) assert.deepEqual(error, [true, 'unavailable', false, true]);
});

for (const [name, options] of Object.entries({
  iceServers: { iceServers: [{ urls: 'nonsense' }] },
  rtcConfig: { rtcConfig: { iceTransportPolicy: 'nonsense' } },
})) {
  test(`${name} that no browser takes`, async (t) => {
    const page = await roomsPage(t);
    const told = await page.evaluate(async (options) => {
      const { sdk } = globalThis;
      await new sdk.Room({ room: 'kitchen' }).join();
      const room = new sdk.Room({ room: 'kitchen', ...options });
      const told = [];
      room.on('state', (now, was, details) => told.push([now, details?.error.code ?? null]));
      const error = await room.join().catch((error) => error);
      return [...told, [error.code, error.fatal, error.cause instanceof Error, room.peers.size]];
    }, options);
    assert.deepEqual(told, [['joining', null], ['joined', null], ['failed', 'unsupported'], ['unsupported', true, true, 0]]);
  });
}

test('whoever joined knows everybody who was there', async (t) => {
  const page = await roomsPage(t);
  const log = await page.evaluate(async () => {
    const { sdk } = globalThis;
    for (let i = 0; i < 3; i++) await new sdk.Room({ room: 'kitchen' }).join();
    const room = new sdk.Room({ room: 'kitchen' });
    const log = [];
    room.on('peerjoin', () => log.push('peerjoin'));
    await room.join();
    log.push(room.peers.size);
    return log;
  });
  assert.deepEqual(log, ['peerjoin', 'peerjoin', 'peerjoin', 3]);
});

for (const event of ['state', 'peerjoin']) {
  test(`a listener of ${event} that leaves`, async (t) => {
    const page = await roomsPage(t);
    const result = await page.evaluate(async (event) => {
      const { sdk, codeOf } = globalThis;
      await new sdk.Room({ room: 'kitchen' }).join();
      const room = new sdk.Room({ room: 'kitchen' });
      room.on(event, () => room.state === 'joined' && room.leave());
      return [await codeOf(room.join()), room.state, room.peers.size];
    }, event);
    assert.deepEqual(result, ['aborted', 'left', 0]);
  });
}

test('a listener that another one removes hears nothing', async (t) => {
  const page = await roomsPage(t);
  const calls = await page.evaluate(async () => {
    const room = new globalThis.sdk.Room({ room: 'kitchen' });
    const calls = [];
    room.on('state', () => stop());
    const stop = room.on('state', () => calls.push('removed'));
    room.on('state', (now) => calls.push(now));
    await room.join();
    return calls;
  });
  assert.deepEqual(calls, ['joining', 'joined']);
});

test('after which close codes joining again may help', async (t) => {
  const page = await roomsPage(t);
  const retryable = await page.evaluate(async () => {
    const retryable = {};
    for (const closeCode of [1000, 1002, 1006, 1007, 1011, 4401, 4409, 4499, 4503, 4599]) {
      class Closing extends EventTarget {
        constructor() {
          super();
          queueMicrotask(() => this.dispatchEvent(new CloseEvent('close', { code: closeCode })));
        }
        close() { this.dispatchEvent(new CloseEvent('close')); }
      }
      const error = await new globalThis.sdk.Room({ room: 'kitchen', WebSocket: Closing }).join().catch((error) => error);
      retryable[closeCode] = error.retryable;
    }
    return retryable;
  });
  assert.deepEqual(retryable, {
    1000: true, 1002: false, 1006: true, 1007: false, 1011: true,
    4401: false, 4409: false, 4499: false, 4503: true, 4599: true,
  });
});
