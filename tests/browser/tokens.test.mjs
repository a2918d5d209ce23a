/* A gateway that asks for tokens: joining with one, renewing it, and being refused. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SERVER_AWAY } from './browsers.mjs';
import { stage } from './harness.mjs';

const KEY = 'a-key-of-32-bytes-and-some-more-x';
const FLAGS = ['--auth-key', KEY, '--auth-leeway', '0s'];

/** A page of a gateway that asks for tokens; `makeToken(room, seconds)` in it is the back end. */
async function guarded(t) {
  const { sdkPage, gateway, expectError } = await stage(t, FLAGS);
  const page = await sdkPage();
  await page.exposeFunction('makeToken', makeToken);
  return { page, gateway, expectError };
}

function makeToken(room, seconds, key = KEY) {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const parts = [{ alg: 'HS256', typ: 'JWT' }, { exp, switchboard: { room } }];
  const message = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${message}.${createHmac('sha256', key).update(message).digest('base64url')}`;
}

test('a token opens the room, given as it is or by a function', async (t) => {
  const { page } = await guarded(t);
  const there = await page.evaluate(async () => {
    const { sdk, makeToken } = globalThis;
    const first = new sdk.Room({ room: 'kitchen', token: await makeToken('kitchen', 60) });
    await first.join();
    const second = new sdk.Room({ room: 'kitchen', token: () => makeToken('kitchen', 60) });
    await second.join();
    return second.peers.has(first.id);
  });
  assert.equal(there, true);
});

test('one that expires is replaced by the next, and the room goes on past its end', async (t) => {
  const { page } = await guarded(t);
  const result = await page.evaluate(async () => {
    const { sdk, makeToken } = globalThis;
    const states = [];
    let asked = 0;
    const eighth = Promise.withResolvers();
    const token = () => {
      // Each is good for two seconds at least, and renewed after a fourth of that at the earliest.
      if (++asked === 8) eighth.resolve();
      return makeToken('kitchen', 3);
    };
    const room = new sdk.Room({ room: 'kitchen', token });
    room.on('state', (now) => states.push(now));
    await room.join();
    const { id } = room;
    await eighth.promise;
    const arrival = new Promise((came) => room.on('peerjoin', came));
    const second = new sdk.Room({ room: 'kitchen', token: () => makeToken('kitchen', 60) });
    await second.join();
    return { states, same: room.id === id, isThere: (await arrival).id === second.id };
  });
  assert.deepEqual(result, { states: ['joining', 'joined'], same: true, isThere: true });
});

test('a page that still has the same one is asked again', async (t) => {
  const { page } = await guarded(t);
  const states = await page.evaluate(async () => {
    const { sdk, makeToken } = globalThis;
    const short = await makeToken('kitchen', 3);
    const states = [];
    const fourth = Promise.withResolvers();
    let asked = 0;
    const token = () => {
      if (++asked < 4) return short;
      fourth.resolve();
      return makeToken('kitchen', 60);
    };
    const room = new sdk.Room({ room: 'kitchen', token });
    room.on('state', (now) => states.push(now));
    await room.join();
    await fourth.promise;
    const until = JSON.parse(atob(short.split('.')[1])).exp * 1000;
    await new Promise((resolve) => setTimeout(resolve, until - Date.now() + 500)); // past the end of the first
    const second = new sdk.Room({ room: 'kitchen', token: () => makeToken('kitchen', 60) });
    const arrival = new Promise((came) => room.on('peerjoin', came));
    await second.join();
    await arrival;
    return states;
  });
  assert.deepEqual(states, ['joining', 'joined']);
});

test('one that is not replaced ends the room', async (t) => {
  const { page, expectError } = await guarded(t);
  expectError(/SwitchboardError: The gateway closed the connection: 4401 unauthorized/); // nobody listens for errors
  const result = await page.evaluate(async () => {
    const { sdk, makeToken } = globalThis;
    const room = new sdk.Room({ room: 'kitchen', token: await makeToken('kitchen', 3) }); // two seconds at least
    await room.join();
    const error = await new Promise((failed) => room.on('state', (now, was, details) => now === 'failed' && failed(details.error)));
    return [error.code, error.closeCode, error.fatal, error.retryable, room.state];
  });
  assert.deepEqual(result, ['unauthorized', 4401, true, false, 'failed']);
});

test('who is refused is told why', async (t) => {
  const { page } = await guarded(t);
  const refusals = await page.evaluate(async (otherKey) => {
    const { sdk, makeToken } = globalThis;
    const tokens = [undefined, 'nonsense', await makeToken('kitchen', -1), await makeToken('kitchen', 60, otherKey), await makeToken('cellar', 60)];
    const tries = tokens.map((token) => new sdk.Room({ room: 'kitchen', token }).join().catch((error) => error));
    return (await Promise.all(tries)).map(({ code, fatal, retryable, message }) => [code, fatal, retryable, message]);
  }, `${KEY}-other`);
  const told = (code, part) => ([was, fatal, retryable, message]) => was === code && fatal && !retryable && message.includes(part);
  const expected = [
    told('unauthorized', 'asks for a token'), told('unauthorized', 'no JWT'), told('unauthorized', 'expired'),
    told('unauthorized', 'signature'), told('forbidden', 'another room'),
  ];
  refusals.forEach((refusal, index) => assert(expected[index](refusal), `${index}: ${refusal}`));
});

test('a page that has no token is told what became of its own function', async (t) => {
  const { page } = await guarded(t);
  const result = await page.evaluate(async () => {
    const token = () => Promise.reject(new Error('the back end is away'));
    const error = await new globalThis.sdk.Room({ room: 'kitchen', token }).join().catch((error) => error);
    return [error.code, error.retryable, error.cause.message];
  });
  assert.deepEqual(result, ['unauthorized', true, 'the back end is away']);
});

test('a room that reconnects asks for another token', async (t) => {
  const { page, gateway, expectError } = await guarded(t);
  expectError(SERVER_AWAY);
  await page.evaluate(async () => {
    const { sdk, makeToken } = globalThis;
    globalThis.asked = 0;
    const token = () => {
      // The back end is away for a moment, too.
      if (++globalThis.asked === 2) throw new Error('away');
      return makeToken('kitchen', 60);
    };
    globalThis.room = new sdk.Room({ room: 'kitchen', token, reconnect: { minMs: 10, maxMs: 50 } });
    await globalThis.room.join();
  });
  await gateway.stop();
  await page.waitForFunction(() => globalThis.room.state === 'reconnecting');
  await gateway.start();
  await page.waitForFunction(() => globalThis.room.state === 'joined' && globalThis.asked > 2);
});

/** What prints a token, in docs/auth.md. */
const EXAMPLES = [
  { language: 'js', begins: 'import { createHmac }', command: [process.execPath, '--input-type=module'] },
  { language: 'python', begins: 'import base64', command: ['python3', '-'] },
];

for (const { language, begins, command: [program, ...args] } of EXAMPLES) {
  test(`the example of a back end in ${language} makes a good token`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'switchboard-key-'));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'key'), `${KEY}\n`);
    const documented = readFileSync(new URL('../../docs/auth.md', import.meta.url), 'utf8');
    const example = documented.split(`\`\`\`${language}\n`).find((text) => text.startsWith(begins)).split('```')[0];
    const token = execFileSync(program, args, { cwd: folder, input: example, encoding: 'utf8' }).trim();
    const { page } = await guarded(t);
    const result = await page.evaluate(async (token) => {
      const { sdk } = globalThis;
      await new sdk.Room({ room: 'tea', token }).join();
      return new sdk.Room({ room: 'coffee', token }).join().catch(({ code }) => code);
    }, token);
    assert.equal(result, 'forbidden');
  });
}
