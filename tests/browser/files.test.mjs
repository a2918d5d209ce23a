/* Files from one page to another: what is asked, what flows, and what becomes of it when something breaks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SERVER_AWAY } from './browsers.mjs';
import { stage } from './harness.mjs';
import { prepare } from './rooms.mjs';
import { skyRtcClient } from './skyrtc.mjs';

const MIB = 1024 * 1024;
const BOTH_WAYS = [['first', 'second'], ['second', 'first']];

test('a file arrives byte for byte, and both sides are told how far it is', async (t) => {
  const { page } = await pageOfFiles(t);
  const { told, ...file } = await page.evaluate(async () => {
    const { first, second, bytes, offer, same } = globalThis;
    const told = [[], []];
    const file = new File([bytes(5_000_000)], 'notes.txt', { type: 'text/plain' });
    const { sent, incoming } = await offer(first, second, file, { onProgress: (count) => told[0].push(count) });
    const { name, size, type, from } = incoming;
    const blob = await incoming.accept({ onProgress: (count) => told[1].push(count) });
    await sent;
    return { name, size, type, from: from.id === first.id, blobType: blob.type, same: await same(file, blob), told };
  });
  assert.deepEqual(file, { name: 'notes.txt', size: 5_000_000, type: 'text/plain', from: true, blobType: 'text/plain', same: true });
  for (const steps of told) {
    assert.deepEqual(steps, [...new Set(steps)].sort((one, other) => one - other), 'it only grows');
    assert.deepEqual([steps[0], steps.at(-1)], [0, 5_000_000]);
    assert(steps.length > 70 && steps.length < 80, `every 64 KiB, not ${steps.length} times`);
  }
});

test('nothing flows before the answer is yes', async (t) => {
  const { page } = await pageOfFiles(t);
  const flowed = await page.evaluate(async () => {
    const { first, second, bytes, offer, next } = globalThis;
    const file = new Blob([bytes(100_000)]);
    const { sent, incoming } = await offer(first, second, file);
    for (let round = 0; round < 3; round++) {
      await file.arrayBuffer(); // what could be read by now
      const heard = next(second, 'message');
      await first.send('and sent');
      await heard;
    }
    const before = globalThis.flowed;
    await incoming.accept();
    await sent;
    return [before, globalThis.flowed];
  });
  assert.deepEqual(flowed, [0, 100_000]);
});

test('no is no, also where nobody listens', async (t) => {
  const { page } = await pageOfFiles(t);
  const results = await page.evaluate(async () => {
    const { first, second, offer, codeOf } = globalThis;
    const file = new Blob(['to nobody']);
    const unheard = await codeOf(first.sendFile(file, { to: second.id }));
    const { sent, incoming } = await offer(first, second, file);
    incoming.refuse();
    await incoming.ended;
    return [unheard, await codeOf(sent), await codeOf(incoming.accept()), globalThis.flowed];
  });
  assert.deepEqual(results, ['file_refused', 'file_refused', 'aborted', 0]);
});

for (const [how, expected] of [
  ['the sender aborts', ['aborted', 'file_refused']],
  ['the receiver aborts', ['file_refused', 'aborted']],
  ['the receiver refuses after all', ['file_refused', 'aborted']],
  ['the file cannot be read any more', ['aborted', 'file_refused']],
  ['the sender leaves', ['aborted', 'peer_gone']],
  ['the receiver leaves', ['peer_gone', 'aborted']],
]) {
  test(`${how} midway`, async (t) => {
    const { page } = await pageOfFiles(t);
    const codes = await page.evaluate(async (how) => {
      const { first, second, gatedFile, offer, arrives, codeOf } = globalThis;
      const [sending, receiving] = [new AbortController(), new AbortController()];
      const file = gatedFile(3_000_000, 1_048_576);
      const { sent, incoming } = await offer(first, second, file, { signal: sending.signal });
      const { received } = await arrives(incoming, 1_048_576, { signal: receiving.signal });
      const codes = [codeOf(sent), codeOf(received)];
      const acts = {
        'the sender aborts': () => sending.abort(),
        'the receiver aborts': () => receiving.abort(),
        'the receiver refuses after all': () => incoming.refuse(),
        'the file cannot be read any more': () => file.remove(),
        'the sender leaves': () => first.leave(),
        'the receiver leaves': () => second.leave(),
      };
      acts[how]();
      await incoming.ended;
      return Promise.all(codes);
    }, how);
    assert.deepEqual(codes, expected);
  });
}

test('what is aborted before it was answered can no longer be accepted', async (t) => {
  const { page } = await pageOfFiles(t);
  const results = await page.evaluate(async () => {
    const { first, second, offer, codeOf } = globalThis;
    const never = codeOf(first.sendFile(new Blob(['never']), { to: second.id, name: 'never', signal: AbortSignal.abort() }));
    const sending = new AbortController();
    const { sent, incoming } = await offer(first, second, new File(['then'], 'then'), { signal: sending.signal });
    sending.abort();
    await incoming.ended;
    return [incoming.name, await never, await codeOf(sent), await codeOf(incoming.accept())];
  });
  assert.deepEqual(results, ['then', 'aborted', 'aborted', 'file_refused']);
});

test('what is accepted after it was aborted unheard does not hang', async (t) => {
  const { page } = await pageOfFiles(t);
  const code = await page.evaluate(async () => {
    const { first, second, offer, codeOf, open, fileChannels } = globalThis;
    globalThis.onmade = (channel) => (channel.send = () => delete channel.send); // the first word is lost
    const sending = new AbortController();
    const { incoming } = await offer(first, second, new Blob(['never']), { signal: sending.signal });
    await open(fileChannels.get(first)[0]); // else the answer to `accept` could be that first word
    sending.abort();
    return codeOf(incoming.accept());
  });
  assert.equal(code, 'file_refused');
});

test('an empty file', async (t) => {
  const { page } = await pageOfFiles(t);
  const result = await page.evaluate(async () => {
    const { first, second, offer } = globalThis;
    const told = [[], []];
    const { sent, incoming } = await offer(first, second, new File([], 'empty'), { onProgress: (count) => told[0].push(count) });
    const blob = await incoming.accept({ onProgress: (count) => told[1].push(count) });
    await sent;
    return [blob.size, told];
  });
  assert.deepEqual(result, [0, [[0], [0]]]);
});

test('files go in both directions at once, and messages overtake them', async (t) => {
  const { page } = await pageOfFiles(t);
  const { isSame, behind, mostBuffered } = await page.evaluate(async () => {
    const { first, second, bytes, offer, same, next } = globalThis;
    const [files, offers] = [[], []];
    for (const [from, to] of [[first, second], [second, first], [first, second]]) {
      const file = new File([bytes(16_000_000 + files.length)], `${files.length}`);
      files.push(file);
      offers.push(await offer(from, to, file));
    }
    const progress = [0, 0, 0];
    const halfway = Promise.withResolvers();
    const received = offers.map(({ incoming }, i) =>
      incoming.accept({ onProgress: (count) => (progress[i] = count) > 4_000_000 && i === 0 && halfway.resolve() }),
    );
    await halfway.promise;
    const before = [...progress];
    const arrival = next(second, 'message');
    await first.send('in between');
    await arrival;
    const behind = [0, 2].map((i) => progress[i] - before[i]);
    const blobs = await Promise.all(received);
    await Promise.all(offers.map(({ sent }) => sent));
    return { isSame: await Promise.all(files.map((file, i) => same(file, blobs[i]))), behind, mostBuffered: globalThis.mostBuffered };
  });
  assert.deepEqual(isSame, [true, true, true]);
  assert(behind.every((bytes) => bytes < MIB), `${behind} bytes came before it`);
  assert(mostBuffered > 0 && mostBuffered <= MIB + 16 * 1024, `${mostBuffered} bytes waited in the browser`);
});

test('waiting for the browser leaves nothing behind', async (t) => {
  const { page } = await pageOfFiles(t);
  await page.evaluate(async () => {
    const { first, second, gatedFile, offer, arrives } = globalThis;
    const { incoming } = await offer(first, second, gatedFile(17_000_000, 16_777_216));
    await arrives(incoming, 16_777_216);
  });
  const devtools = await page.context().newCDPSession(page);
  const expression = 'getEventListeners(fileChannels.get(first)[0]).close.length';
  const { result } = await devtools.send('Runtime.evaluate', { expression, includeCommandLineAPI: true });
  assert.equal(result.value, 1);
});

test('who is not connected yet is offered the file when they are', async (t) => {
  const { page } = await pageOfFiles(t);
  const result = await page.evaluate(async () => {
    const { first, losable, bytes, next, offerOf, same, fileChannels } = globalThis;
    const third = losable('third');
    const [arrival, offered] = [next(first, 'peerjoin'), offerOf(third)];
    const joined = third.join();
    const [{ id }] = await arrival;
    const file = new Blob([bytes(70_000)]);
    const sent = first.sendFile(file, { to: id });
    await joined;
    const blob = await (await offered).accept();
    await sent;
    return { isSame: await same(file, blob), channels: fileChannels.get(first).length };
  });
  assert.deepEqual(result, { isSame: true, channels: 1 });
});

test('an offer whose channel is replaced before it opens is told', async (t) => {
  const { page } = await pageOfFiles(t);
  const names = await page.evaluate(async () => {
    const { first, second, hostileChannel, offerOf, fileChannels } = globalThis;
    const names = [];
    second.on('file', ({ name }) => names.push(name));
    globalThis.oncome = (channel) => {
      Object.defineProperty(channel, 'readyState', { value: 'connecting' });
      channel.addEventListener('open', (event) => event.stopImmediatePropagation());
      globalThis.oncome = null;
    };
    const offered = offerOf(second);
    for (let count = 0; count < 2; count++) hostileChannel(first, second, { id: 1, name: 'once', size: 1 });
    await offered;
    return [...names, fileChannels.get(second).length];
  });
  assert.deepEqual(names, ['once', 2]);
});

test('an answer that is told before the channel is open counts', async (t) => {
  const { page } = await pageOfFiles(t);
  const isSame = await page.evaluate(async () => {
    const { first, second, bytes, offer, same } = globalThis;
    globalThis.onmade = (channel) => {
      let isOpen = false;
      Object.defineProperty(channel, 'readyState', { get: () => (isOpen ? 'open' : 'connecting') });
      channel.addEventListener('open', (event) => isOpen || event.stopImmediatePropagation());
      channel.addEventListener('message', () => {
        setTimeout(() => {
          isOpen = true;
          channel.dispatchEvent(new Event('open'));
        });
      }, { once: true });
    };
    const file = new Blob([bytes(70_000)]);
    const { sent, incoming } = await offer(first, second, file);
    const blob = await incoming.accept();
    await sent;
    return same(file, blob);
  });
  assert(isSame);
});

test('files to nobody', async (t) => {
  const { page } = await pageOfFiles(t);
  const codes = await page.evaluate(async () => {
    const { sdk, first, codeOf } = globalThis;
    const file = new Blob(['x']);
    const outside = new sdk.Room({ room: 'kitchen' });
    return [await codeOf(first.sendFile(file, { to: 'nobody' })), await codeOf(outside.sendFile(file, { to: 'nobody' }))];
  });
  assert.deepEqual(codes, ['peer_gone', 'not_joined']);
});

test('a SkyRTC client takes no files', async (t) => {
  const { page, visit } = await pageOfFiles(t);
  await page.evaluate(() => {
    const { first, next } = globalThis;
    globalThis.arrival = next(first, 'peerjoin');
  });
  await skyRtcClient(await visit(), 'kitchen');
  const code = await page.evaluate(async () => {
    const { first, arrival, codeOf } = globalThis;
    const [{ id }] = await arrival;
    return codeOf(first.sendFile(new Blob(['x']), { to: id }));
  });
  assert.equal(code, 'channel_closed');
});

for (const [sender, receiver] of BOTH_WAYS) {
  for (const lost of [sender, receiver]) {
    test(`${sender} sends, ${lost} comes back as somebody new, and the file goes on`, async (t) => {
      const { page } = await pageOfFiles(t);
      const result = await page.evaluate(async (names) => {
        const [sender, receiver, lost] = names.map((name) => globalThis[name]);
        const { gatedFile, offer, arrives, lose, same } = globalThis;
        const file = gatedFile(3_000_000, 1_048_576);
        const told = [];
        const { sent, incoming } = await offer(sender, receiver, file, { onProgress: (count) => told.push(count) });
        const { from } = incoming;
        const { received } = await arrives(incoming, 1_048_576);
        const wasId = lost.id;
        await lose(lost);
        file.open();
        const isSame = await same(file, await received);
        await sent;
        return { isSame, told, isNew: lost.id !== wasId, fromNew: incoming.from !== from, flowed: globalThis.flowed };
      }, [sender, receiver, lost]);
      const { told, ...rest } = result;
      assert.deepEqual(rest, { isSame: true, isNew: true, fromNew: true, flowed: 3_000_000 }, 'no byte twice');
      assert.deepEqual(told, [...new Set(told)].sort((one, other) => one - other));
    });
  }
}

test('what was on its way when the connection broke is sent again, and nothing else', async (t) => {
  const { page } = await pageOfFiles(t);
  const result = await page.evaluate(async () => {
    const { first, second, bytes, offer, arrives, lose, breakOff, same, said, fileChannels } = globalThis;
    const file = new Blob([bytes(24_000_000)]);
    const { sent, incoming } = await offer(first, second, file);
    const { received } = await arrives(incoming, 4 * 1024 * 1024);
    await breakOff(second, first);
    const { flowed } = globalThis;
    await lose(first);
    const isSame = await same(file, await received);
    await sent;
    const [, resumed] = fileChannels.get(second);
    const { at } = said.find(({ channel }) => channel === resumed);
    return { isSame, flowed, at, again: globalThis.flowed - flowed };
  });
  assert(result.isSame);
  assert(result.at >= 4 * MIB && result.at <= result.flowed && result.flowed < 24_000_000, JSON.stringify(result));
  assert.equal(result.again, 24_000_000 - result.at);
});

test('a gateway that lost its memory costs no file', async (t) => {
  const { page, gateway, expectError } = await pageOfFiles(t);
  expectError(SERVER_AWAY);
  await page.evaluate(async () => {
    const { first, second, gatedFile, offer, arrives } = globalThis;
    globalThis.files = [gatedFile(3_000_000, 1_048_576), gatedFile(2_000_000, 1_048_576)];
    globalThis.offers = [await offer(first, second, globalThis.files[0]), await offer(second, first, globalThis.files[1])];
    globalThis.arrivals = await Promise.all(globalThis.offers.map(({ incoming }) => arrives(incoming, 1_048_576)));
  });
  await gateway.stop();
  await gateway.start();
  const result = await page.evaluate(async () => {
    const { files, offers, arrivals, same } = globalThis;
    files.forEach((file) => file.open());
    const isSame = await Promise.all(arrivals.map(async ({ received }, i) => same(files[i], await received)));
    await Promise.all(offers.map(({ sent }) => sent));
    return isSame;
  });
  assert.deepEqual(result, [true, true]);
});

test('who does not come back within a minute is gone', async (t) => {
  const { page, gateway, expectError } = await pageOfFiles(t);
  expectError(SERVER_AWAY);
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 60_000);
  await page.evaluate(async () => {
    const { first, second, gatedFile, offer, arrives, codeOf } = globalThis;
    const codes = (globalThis.codes = []);
    const sends = await offer(first, second, gatedFile(3_000_000, 1_048_576));
    const gets = await offer(second, first, gatedFile(3_000_000, 1_048_576));
    await arrives(sends.incoming, 1_048_576);
    const { received } = await arrives(gets.incoming, 1_048_576);
    for (const end of [sends.sent, received]) codeOf(end).then((code) => codes.push(code));
  });
  await gateway.stop();
  await page.evaluate(async () => {
    const { first, second } = globalThis;
    await globalThis.breakOff(first, second);
  });
  await page.clock.runFor(59_999);
  assert.deepEqual(await page.evaluate(() => globalThis.codes), []);
  await page.clock.runFor(1);
  assert.deepEqual(await page.evaluate(() => globalThis.codes), ['peer_gone', 'peer_gone']);
});

for (const [who, expected] of [['the sender', ['aborted', 'file_refused']], ['the receiver', ['file_refused', 'aborted']]]) {
  test(`${who} gives up while the other is away, who is told when they are back`, async (t) => {
    const { page } = await pageOfFiles(t);
    const codes = await page.evaluate(async (who) => {
      const { first, second, gatedFile, offer, arrives, lose, codeOf, breakOff } = globalThis;
      const sending = new AbortController();
      const { sent, incoming } = await offer(first, second, gatedFile(3_000_000, 1_048_576), { signal: sending.signal });
      const { received } = await arrives(incoming, 1_048_576);
      const codes = [codeOf(sent), codeOf(received)];
      const [stays, goes] = who === 'the sender' ? [first, second] : [second, first];
      await breakOff(stays, goes);
      if (who === 'the sender') sending.abort();
      else incoming.refuse();
      await lose(goes);
      return Promise.all(codes);
    }, who);
    assert.deepEqual(codes, expected);
  });
}

test('what waits for an answer, or gets it while the sender is away, goes on when they are back', async (t) => {
  const { page } = await pageOfFiles(t);
  const result = await page.evaluate(async () => {
    const { first, second, bytes, offer, lose, same, breakOff } = globalThis;
    const files = [new Blob([bytes(100_000)]), new Blob([bytes(200_000)]), new Blob([])];
    const offers = [];
    for (const file of files) offers.push(await offer(first, second, file));
    let offered = 0;
    second.on('file', () => offered++);
    await breakOff(second, first);
    const early = [offers[0].incoming.accept(), offers[2].incoming.accept()];
    await lose(first);
    const blobs = [await early[0], await offers[1].incoming.accept(), await early[1]];
    await Promise.all(offers.map(({ sent }) => sent));
    return { offered, isSame: await Promise.all(files.map((file, i) => same(file, blobs[i]))) };
  });
  assert.deepEqual(result, { offered: 0, isSame: [true, true, true] });
});

test('a stranger gets nothing of a file that broke off, nor a word in it', async (t) => {
  const { page } = await pageOfFiles(t);
  const result = await page.evaluate(async () => {
    const { first, second, losable, gatedFile, offer, arrives, lose, breakOff, same, next, hostileChannel, open, fileChannels } = globalThis;
    const file = gatedFile(3_000_000, 1_048_576);
    const { sent, incoming } = await offer(first, second, file);
    const { received } = await arrives(incoming, 1_048_576);
    await breakOff(second, first);

    const third = losable('third');
    let offered = 0;
    third.on('file', () => offered++);
    const introduced = [first, second].map((room) => next(room, 'peerjoin'));
    const connected = next(third, 'peerstate', (peer, state) => peer.id === second.id && state === 'connected');
    await third.join();
    await Promise.all(introduced);
    await connected;
    const asked = next(second, 'file');
    const forged = hostileChannel(third, second, fileChannels.get(first)[0].protocol);
    const [other] = await asked; // another file, to be consented to
    await open(forged);
    forged.send(new ArrayBuffer(16 * 1024));
    await other.ended;

    await lose(first);
    file.open();
    const isSame = await same(file, await received);
    await sent;
    return { isSame, offered, isAnother: other !== incoming };
  });
  assert.deepEqual(result, { isSame: true, offered: 0, isAnother: true });
});

test('offers that make no sense are refused', async (t) => {
  const { page } = await pageOfFiles(t);
  const answers = await page.evaluate(async () => {
    const { first, second, hostileChannel, answerTo } = globalThis;
    second.on('file', () => {
      throw new Error('this was no offer');
    });
    const answers = [];
    for (const size of [-1, 1e300, '7', null, undefined, 1.5, {}]) {
      answers.push(await answerTo(hostileChannel(first, second, { id: 1, name: 'x', size, type: '' })));
    }
    for (const odd of [1, null, ['x'], { toString: 1 }]) {
      answers.push(await answerTo(hostileChannel(first, second, { id: 1, name: odd, size: 1, type: '' })));
      answers.push(await answerTo(hostileChannel(first, second, { id: 1, name: 'x', size: 1, type: odd })));
    }
    for (const protocol of ['', '{', 'null', '[]', '"x"', '7', '{"id":1}', '{"size":{"toString":1}}']) {
      answers.push(await answerTo(hostileChannel(first, second, protocol)));
    }
    return answers;
  });
  assert.deepEqual(answers, Array(23).fill('{"over":true}'));
});

test('names are no paths, and types are types', async (t) => {
  const { page } = await pageOfFiles(t);
  const NAMES = {
    '../../etc/passwd': 'etcpasswd',
    '..\\..\\boot.ini': 'boot.ini',
    '/': 'file',
    '\u0001..': 'file',
    '.': 'file',
    '': 'file',
    'invoice\u202efdp.exe': 'invoicefdp.exe',
    'a\u0000b\nc\u007fd\u0085e': 'abcde',
    'Ann\u2019s caf\u00e9 \u{1f468}\u200d\u{1f469}\u200d\u{1f467}.txt': 'Ann\u2019s caf\u00e9 \u{1f468}\u200d\u{1f469}\u200d\u{1f467}.txt',
    ['n'.repeat(5000)]: 'n'.repeat(255),
  };
  const result = await page.evaluate(async (names) => {
    const { first, second, hostileChannel, offerOf } = globalThis;
    const got = {};
    for (const name of names) {
      const offered = offerOf(second);
      hostileChannel(first, second, { id: name, name, size: 1, type: 'no\nmedia\u0000type' });
      got[name] = [(await offered).name, (await offered).type];
    }
    return got;
  }, Object.keys(NAMES));
  const expected = Object.fromEntries(Object.entries(NAMES).map(([name, clean]) => [name, [clean, '']]));
  assert.deepEqual(result, expected);
});

test('a sender that says more than it announced, or before it may, is given up', async (t) => {
  const { page } = await pageOfFiles(t);
  const results = await page.evaluate(async () => {
    const { first, second, hostileChannel, offerOf, codeOf, answerTo, heardOn, open } = globalThis;
    const CHUNK = 16 * 1024;
    const results = [];
    const cases = {
      'too much at once': { size: 10, chunks: [11] },
      'too much in the end': { size: CHUNK + 10, chunks: [CHUNK, CHUNK] },
      'nothing, again and again': { size: 10, chunks: [0] },
      'in crumbs': { size: CHUNK, chunks: [1] },
      'a chunk too large': { size: 10 * CHUNK, chunks: [2 * CHUNK] },
    };
    for (const [name, { size, chunks }] of Object.entries(cases)) {
      const offered = offerOf(second);
      const channel = hostileChannel(first, second, { id: name, name, size });
      const received = codeOf((await offered).accept());
      await answerTo(channel);
      await open(channel);
      const over = heardOn(channel, '{"over":true}');
      for (const length of chunks) channel.send(new ArrayBuffer(length));
      results.push(await received);
      await over;
    }
    const offered = offerOf(second);
    const early = hostileChannel(first, second, { id: 'early', name: 'early', size: 5 });
    const incoming = await offered;
    await open(early);
    const over = heardOn(early, '{"over":true}');
    early.send(new ArrayBuffer(5));
    await over;
    await incoming.ended;
    results.push(await codeOf(incoming.accept()));
    return results;
  });
  assert.deepEqual(results, Array(6).fill('file_refused'));
});

test('words that make no sense change nothing, on either side', async (t) => {
  const { page } = await pageOfFiles(t);
  const result = await page.evaluate(async () => {
    const { first, second, bytes, offer, arrives, gatedFile, same, fileChannels } = globalThis;
    const file = gatedFile(3_000_000, 1_048_576);
    const told = [];
    const { sent, incoming } = await offer(first, second, file, { onProgress: (count) => told.push(count) });
    const { received } = await arrives(incoming, 1_048_576);
    const [[ours], [theirs]] = [first, second].map((room) => fileChannels.get(room));
    for (const channel of [ours, theirs]) {
      for (const word of ['', '{', 'null', '[]', '7', '{"at":-1}', '{"at":1e300}', '{"at":"7"}', '{"at":0.5}', '{"at":null}', '{"over":0}']) {
        channel.send(word);
      }
    }
    theirs.send('{"at":3000000}'); // of which it can't have got them all
    theirs.send(bytes(10));
    file.open();
    const isSame = await same(file, await received);
    await sent;
    return { isSame, isSane: told.every((count, i) => Number.isInteger(count) && (i === 0 || count > told[i - 1])), flowed: globalThis.flowed };
  });
  assert.deepEqual(result, { isSame: true, isSane: true, flowed: 3_000_010 });
});

test('a peer has only so many offers open', async (t) => {
  const { page } = await pageOfFiles(t);
  const result = await page.evaluate(async () => {
    const { first, second, hostileChannel, answerTo } = globalThis;
    const files = [];
    second.on('file', (file) => files.push(file));
    const channels = Array.from({ length: 300 }, (_, id) => hostileChannel(first, second, { id, name: `${id}`, size: 10 }));
    const answers = await Promise.all(channels.slice(32).map(answerTo));
    const offered = files.length;
    const received = files[0].accept();
    await answerTo(channels[0]);
    channels[0].send(new ArrayBuffer(10));
    await received;
    hostileChannel(first, second, { id: 'one more', name: 'one more', size: 10 });
    const last = await answerTo(hostileChannel(first, second, { id: 'another', name: 'another', size: 10 }));
    return { answers: [...new Set(answers)], offered, then: files.slice(offered).map(({ name }) => name), last };
  });
  assert.deepEqual(result, { answers: ['{"over":true}'], offered: 32, then: ['one more'], last: '{"over":true}' });
});

test('what is refused waits for no answer, and does not pile up', async (t) => {
  const { page } = await pageOfFiles(t);
  const codes = await page.evaluate(async () => {
    const { first, second, offer, offerOf, hostileChannel, codeOf } = globalThis;
    const codes = [];
    for (let count = 0; count < 36; count++) {
      const { sent, incoming } = await offer(first, second, new Blob(['no']));
      incoming.refuse();
      codes.push(await codeOf(sent));
    }
    const channels = [];
    for (let id = 0; id < 258; id++) {
      const offered = offerOf(second);
      channels.push(hostileChannel(first, second, { id, name: `${id}`, size: 10 })); // never closed
      (await offered).refuse();
    }
    await new Promise((resolve) => channels[0].addEventListener('close', resolve));
    return codes;
  });
  assert.deepEqual(codes, Array(36).fill('file_refused'));
});

test('a listener that throws stops nothing', async (t) => {
  const { page, expectError } = await pageOfFiles(t);
  expectError(/a mistake of the page/);
  const isSame = await page.evaluate(async () => {
    const { first, second, bytes, offer, same } = globalThis;
    const file = new Blob([bytes(300_000)]);
    const mistake = (count) => {
      if (count > 0) throw new Error('a mistake of the page');
    };
    const { sent, incoming } = await offer(first, second, file, { onProgress: mistake });
    const blob = await incoming.accept({ onProgress: mistake });
    await sent;
    return same(file, blob);
  });
  assert(isSame);
});

/** Two rooms in one page, `first` and `second`, connected, and what the tests of files share. */
async function pageOfFiles(t) {
  const { sdkPage, ...others } = await stage(t);
  const page = await prepare(await sdkPage());
  await page.evaluate(async () => {
    const { sdk, next } = globalThis;
    const sockets = new Map();
    const { send } = RTCDataChannel.prototype;

    Object.assign(globalThis, {
      /** Bytes of files that channels were given, and most of what waited there. */
      flowed: 0,
      mostBuffered: 0,
      /** How much was said to be there. */
      said: [],
      /** Those of files, by room. */
      fileChannels: new Map(),

      /** A room that can be lost. */
      losable(info) {
        const room = new sdk.Room({
          room: 'kitchen',
          info,
          WebSocket: class extends WebSocket {
            constructor(...args) {
              super(...args);
              sockets.set(room, this);
            }
            send(text) {
              const frame = JSON.parse(text);
              if (frame.eventName === 'resume') frame.data.key = 'another'; // which is refused
              super.send(JSON.stringify(frame));
            }
          },
          RTCPeerConnection: class extends RTCPeerConnection {
            constructor(...args) {
              super(...args);
              this.addEventListener('datachannel', ({ channel }) => {
                channels.push(channel);
                globalThis.oncome?.(channel);
              });
            }
            createDataChannel(label, ...args) {
              const channel = super.createDataChannel(label, ...args);
              if (label === 'switchboard.file') {
                channels.push(channel);
                globalThis.onmade?.(channel);
              }
              return channel;
            }
          },
        });
        const channels = [];
        globalThis.fileChannels.set(room, channels);
        return room;
      },

      /** The room's connection breaks, and it comes back as somebody new. */
      async lose(room) {
        const back = next(room, 'peerjoin');
        const socket = sockets.get(room);
        socket.close(4999);
        socket.dispatchEvent(new CloseEvent('close', { code: 1006 }));
        await back;
      },

      /** The connection to the room ends without a word; waits until the room sees that. */
      async breakOff(room, other) {
        const channels = globalThis.fileChannels.get(room);
        const closed = channels.map((channel) => new Promise((resolve) => channel.addEventListener('close', resolve)));
        other.peers.get(room.id).pc.close();
        await Promise.all(closed);
      },

      offerOf: async (room) => (await next(room, 'file'))[0],

      /** `to` is asked; `sent` is what comes of it. */
      async offer(from, to, file, options) {
        const offered = globalThis.offerOf(to);
        const sent = from.sendFile(file, { to: to.id, ...options });
        sent.catch(() => {});
        return { sent, incoming: await offered };
      },

      /** Accepts, and waits until so much has arrived; `received` is what comes of it. */
      async arrives(incoming, bytes, options) {
        const halfway = Promise.withResolvers();
        const received = incoming.accept({ ...options, onProgress: (count) => count === bytes && halfway.resolve() });
        received.catch(() => {});
        await halfway.promise;
        return { received };
      },

      /** Bytes that don't repeat. */
      bytes(size) {
        const words = new Uint32Array(Math.ceil(size / 4));
        for (let i = 0, word = size; i < words.length; i++) words[i] = word = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d) + i;
        return words.buffer.slice(0, size);
      },

      /** A file that can't be read beyond some byte before it is opened, nor after it is removed. */
      gatedFile(size, until) {
        const file = new File([globalThis.bytes(size)], 'gated.bin');
        const gate = Promise.withResolvers();
        file.open = gate.resolve;
        file.remove = () => gate.reject(new DOMException('it is gone', 'NotFoundError'));
        file.slice = (start, end) => ({
          async arrayBuffer() {
            if (start >= until) await gate.promise;
            return Blob.prototype.slice.call(file, start, end).arrayBuffer();
          },
        });
        return file;
      },

      async same(...blobs) {
        const digests = blobs.map(async (blob) => new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())).join());
        return new Set(await Promise.all(digests)).size === 1;
      },

      /** What a client of another make could open. */
      hostileChannel(from, to, offer) {
        const protocol = typeof offer === 'string' ? offer : JSON.stringify({ type: '', ...offer });
        return from.peers.get(to.id).pc.createDataChannel('switchboard.file', { protocol });
      },

      async open(channel) {
        if (channel.readyState !== 'open') await new Promise((resolve) => channel.addEventListener('open', resolve));
      },

      answerTo: (channel) => globalThis.heardOn(channel, null),

      /** The first word on a channel, or that one. */
      heardOn(channel, word) {
        return new Promise((resolve) => {
          channel.addEventListener('message', ({ data }) => (word === null || data === word) && resolve(data));
        });
      },
    });

    RTCDataChannel.prototype.send = function (frame) {
      send.call(this, frame);
      if (this.label !== 'switchboard.file') return;
      globalThis.mostBuffered = Math.max(globalThis.mostBuffered, this.bufferedAmount);
      if (typeof frame !== 'string') globalThis.flowed += frame.byteLength;
      else globalThis.said.push({ channel: this, at: Number(/\d+/.exec(frame)) });
    };

    const first = (globalThis.first = globalThis.losable('first'));
    const second = (globalThis.second = globalThis.losable('second'));
    const connected = [first, second].map((room) => next(room, 'peerstate', (peer, state) => state === 'connected'));
    await first.join();
    await second.join();
    await Promise.all(connected);
  });
  return { page, ...others };
}
