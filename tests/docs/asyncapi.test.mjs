// The contract holds together: docs/asyncapi.yaml is AsyncAPI 3.0, its examples are what its schemas
// say, and every frame that docs/protocol.md shows is one of its messages.
//
//   npm ci --prefix client && node --test tests/docs/

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

const require = createRequire(new URL('../../client/package.json', import.meta.url));
const Ajv = require('ajv').default;
const YAML = require('yaml');
const asyncapi = require('@asyncapi/specs/schemas/3.0.0.json');

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const yaml = YAML.parseDocument(read('docs/asyncapi.yaml'), { version: '1.2', merge: false });
const api = yaml.toJS();
const page = read('docs/protocol.md');

/** Follows `#/a/b/c`. */
function target(ref) {
  const found = ref.slice(2).split('/').reduce((node, key) => node?.[key], api);
  assert.ok(ref.startsWith('#/') && found !== undefined, `${ref} leads nowhere`);
  return found;
}

/** A copy of a schema in which each `$ref` is what it refers to. */
function inlined(schema) {
  if (schema === null || typeof schema !== 'object') return schema;
  if (Array.isArray(schema)) return schema.map(inlined);
  if (schema.$ref) return inlined(target(schema.$ref));
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, inlined(value)]));
}

// Strict, so that a misspelt keyword fails; but `if` and `then` rely on the types and properties around them.
const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
const messages = Object.entries(api.components.messages).map(([key, message]) => ({
  key,
  direction: message['x-direction'],
  dialect: message['x-dialect'],
  eventName: message.payload.properties.eventName.const,
  examples: message.examples ?? [],
  accepts: ajv.compile(inlined(target(`#/components/messages/${key}/payload`))),
}));
const named = (key) => messages.find((message) => message.key === key);
const NAMED_BY_OTHERS = ['Custom', 'RelayedCustom', 'RelayedAnnouncement', 'SkyrtcRelayedAnnouncement'];
const isCustom = (message) => NAMED_BY_OTHERS.includes(message.key);

/** The messages of one direction and dialect that a frame is. */
function matches(direction, dialect, frame) {
  return messages
    .filter((message) => message.direction === direction && message.dialect === dialect && message.accepts(frame))
    .map((message) => message.key);
}

describe('docs/asyncapi.yaml', () => {
  test('is plain YAML 1.2: no warnings, anchors, aliases or merge keys', () => {
    assert.deepEqual([...yaml.errors, ...yaml.warnings], []);
    const fancy = [];
    YAML.visit(yaml, {
      Alias: (_, node) => void fancy.push(node.source),
      Node: (_, node) => void (node.anchor && fancy.push(node.anchor)),
      Pair: (_, pair) => void (pair.key.value === '<<' && fancy.push('<<')),
    });
    assert.deepEqual(fancy, []);
  });

  test('is AsyncAPI 3.0.0', () => {
    // It brings its own copy of the draft-07 meta-schema, and annotations that Ajv doesn't know.
    const options = { allErrors: true, meta: false, validateSchema: false, strict: false, validateFormats: false };
    const official = new Ajv(options).compile(asyncapi);
    assert.ok(official(api), JSON.stringify(official.errors?.slice(0, 5), null, 2));
    assert.ok(!official({ ...api, operations: { join: { action: 'shout' } } }), 'it refuses nothing');
  });

  test('has no reference that leads nowhere', () => {
    const refs = JSON.stringify(api).match(/(?<="\$ref":")[^"]+/g);
    assert.ok(refs.length > 100);
    refs.forEach(target);
  });

  test('puts every message on the channel, and into operations of its direction', () => {
    const { signaling } = api.channels;
    assert.deepEqual(
      signaling.messages,
      Object.fromEntries(messages.map(({ key }) => [key, { $ref: `#/components/messages/${key}` }])),
    );
    const prefix = '#/channels/signaling/messages/';
    const keys = (refs = []) => refs.map(({ $ref }) => ($ref.startsWith(prefix) ? $ref.slice(prefix.length) : $ref));
    const used = { client: new Set(), gateway: new Set() };
    for (const { action, messages, reply } of Object.values(api.operations)) {
      keys(messages).forEach((key) => used[action === 'receive' ? 'client' : 'gateway'].add(key));
      keys(reply?.messages).forEach((key) => used.gateway.add(key));
    }
    for (const [direction, found] of Object.entries(used)) {
      const expected = messages.filter((message) => message.direction === direction).map(({ key }) => key);
      assert.deepEqual([...found].sort(), expected.sort());
    }
  });

  test('says of every message who sends it, in which dialect, and under which name', () => {
    for (const message of messages) {
      assert.ok(['client', 'gateway'].includes(message.direction), message.key);
      assert.ok(['native', 'skyrtc'].includes(message.dialect), message.key);
      if (isCustom(message)) continue;
      assert.equal(message.eventName, api.components.messages[message.key].name, message.key);
      assert.equal(message.eventName.startsWith('_'), message.dialect === 'skyrtc', message.key);
    }
  });

  for (const { key, direction, dialect, examples } of messages) {
    test(`shows ${key}, and nothing else, in its examples`, () => {
      assert.notEqual(examples.length, 0);
      for (const { name, payload } of examples) {
        const { errors } = named(key).accepts(payload) ? {} : named(key).accepts;
        assert.deepEqual(errors ?? [], [], name);
        assert.deepEqual(matches(direction, dialect, payload), [key], name);
      }
    });
  }

  test('closes what the gateway writes itself, and leaves open what it passes on', () => {
    for (const { key, direction, examples } of messages) {
      const [{ payload }] = examples;
      const relayed = key.includes('Relayed');
      assert.equal(named(key).accepts({ ...payload, extra: 1 }), direction === 'client', `${key}, envelope`);
      const data = { ...payload.data, extra: 1 };
      assert.equal(named(key).accepts({ ...payload, data }), direction === 'client' || relayed, `${key}, data`);
    }
  });

  test('lets no custom event take a name of the protocol', () => {
    const { enum: reserved } = api.components.schemas.CustomEventName.not;
    const names = messages.filter(({ dialect }) => dialect === 'native').map(({ eventName }) => eventName);
    assert.deepEqual(names.filter((name) => name && !reserved.includes(name)), []);
    for (const eventName of [...reserved, '', '_x', '__offer', 'a"b', 'a\\b', 'a\nb', 'a\u0085b', 'x'.repeat(65)]) {
      assert.ok(!named('Custom').accepts({ eventName, data: {} }), JSON.stringify(eventName));
    }
    for (const eventName of ['x', 'x_', 'hand up', '手を挙げる', 'x'.repeat(64)]) {
      assert.ok(named('Custom').accepts({ eventName, data: {} }), eventName);
    }
  });

  test('refuses frames that are nearly right', () => {
    const near = [
      ['Peers', (data) => { data.you = data.you.toUpperCase(); }],
      ['Peers', (data) => { data.connections = ['ann7k2m9qx0c5t8vhw3']; }],
      ['Peers', (data) => { data.peers = [{ socketId: data.you }]; }],
      ['Peers', (data) => { delete data.iceServers; }],
      ['Peers', (data) => { data.peers = [{ socketId: data.you, info: null, away: false }]; }],
      ['Peers', (data) => { data.resume = { key: 'short', windowMs: 30_000 }; }],
      ['Peers', (data) => { data.resume = { key: 'k'.repeat(32) }; }],
      ['Resumed', (data) => { delete data.resume; }],
      ['Resumed', (data) => { data.peers = []; }],
      ['NewPeer', (data) => { delete data.info; }],
      ['NewPeer', (data) => { data.away = false; }],
      ['NewPeer', (data) => { data.version = 1.5; }],
      ['RemovePeer', (data) => { data.reason = 'bored'; }],
      ['PeerAway', (data) => { delete data.version; }],
      ['PeerBack', (data) => { data.info = null; }],
      ['AckHandled', (data) => { data.n = 0; }],
      ['AckHandled', (_, frame) => { frame.n = 1; }],
      ['Gap', (data) => { data.lost = 1; }],
      ['Reconnect', (data) => { data.afterMs = 0.5; }],
      ['Error', (data) => { data.code = 'oops'; }],
      ['Error', (data) => { data.retryable = !data.retryable; }],
      ['Error', (data) => { delete data.socketId; }],
      ['Join', (data) => { data.room = 'a\nb'; }],
      ['Join', (data) => { data.room = ''; }],
      ['Offer', (data) => { delete data.socketId; }],
      ['Offer', (_, frame) => { frame.n = 0; }],
      ['Offer', (_, frame) => { frame.n = 2 ** 53; }],
      ['Resume', (data) => { delete data.key; }],
      ['Resume', (data) => { data.attempt = 0; }],
      ['Resume', (data) => { delete data.received; }],
      ['Resume', (data) => { data.received[data.socketId] = -1; }],
      ['Resume', (data) => { data.version = null; }],
      ['AckReceived', (data) => { delete data.received; }],
      ['AckReceived', (data) => { data.received = { Ann: 1 }; }],
      ['AckReceived', (data) => { data.received = [1]; }],
      ['RelayedOffer', (_, frame) => { delete frame.n; }],
      ['RelayedCustom', (data) => { delete data.socketId; }],
      ['SkyrtcRelayedOffer', (_, frame) => { frame.n = 1; }],
      ['SkyrtcRelayedIceCandidate', (data) => { delete data.label; }],
      ['SkyrtcRelayedIceCandidate', (data) => { data.candidate = ''; }],
    ];
    for (const [key, spoil] of near) {
      const frame = structuredClone(named(key).examples[0].payload);
      spoil(frame.data, frame);
      assert.ok(!named(key).accepts(frame), `${key} accepts ${JSON.stringify(frame)}`);
    }
  });
});

/**
 * The JSON frames in the page's fenced blocks. A comment before a frame says where it goes: `// Ben → gateway`,
 * `// gateway → Ann`. A frame ends where the next comment, an empty line or the block's end comes.
 */
function* frames(markdown) {
  for (const { index, groups } of markdown.matchAll(/^```jsonc?[^\n]*\n(?<block>[\s\S]*?)^```$/gm)) {
    const line = markdown.slice(0, index).split('\n').length;
    let direction;
    for (const [part] of groups.block.matchAll(/^\/\/.*$|^(?!\/\/).+(?:\n(?!\/\/).+)*/gm)) {
      if (part.startsWith('//')) {
        const to = part.match(/^\/\/ .+ → (\w+)/)?.[1];
        direction = to && (to === 'gateway' ? 'client' : 'gateway');
      } else {
        const frame = JSON.parse(part);
        if (frame.eventName !== undefined) yield { frame, direction, line };
      }
    }
  }
}

describe('docs/protocol.md', () => {
  const shown = [...frames(page)];
  const dialect = ({ eventName }) => (eventName.startsWith('_') ? 'skyrtc' : 'native');

  test('shows only frames that the contract knows', () => {
    for (const { frame, direction, line } of shown) {
      const where = `the block at line ${line}: ${JSON.stringify(frame)}`;
      assert.ok(direction, `no direction in ${where}`);
      const found = matches(direction, dialect(frame), frame);
      assert.equal(found.length, 1, `${where} is ${found.join(' and ') || 'no message'} of a ${direction}`);
    }
  });

  test('shows a frame of every message', () => {
    // What the operator says to everybody is the same in both dialects.
    const seen = new Set(shown.flatMap(({ frame, direction }) =>
      ['native', 'skyrtc'].flatMap((dialect) => matches(direction, dialect, frame))));
    assert.deepEqual(messages.map(({ key }) => key).filter((key) => !seen.has(key)), []);
  });

  test('has each field of an event in its table, and no other', () => {
    const tables = [...page.matchAll(/^\| `(\w+)`(?:, `(\w+)`)? \| type \| meaning \|\n.*\n((?:\|.*\n)+)/gm)];
    assert.deepEqual(
      tables.flatMap(([, ...names]) => names.slice(0, 2).filter(Boolean)),
      ['join', 'peers', 'new_peer', 'remove_peer', 'peer_away', 'peer_back', 'resume', 'resumed', 'error'],
    );
    for (const [, first, second, rows] of tables) {
      const listed = rows.match(/^\| `\w+`/gm).map((cell) => cell.slice(3, -1));
      for (const name of [first, second].filter(Boolean)) {
        const { payload } = Object.values(api.components.messages).find((message) => message.name === name);
        assert.deepEqual(listed, Object.keys(payload.properties.data.properties), name);
      }
    }
  });

  test('names every error code, and whether to try again, as the contract does', () => {
    const rows = page.split('| code | when | retryable |\n')[1].split('\n\n')[0].split('\n').slice(1);
    const table = rows.map((row) => row.split('|').map((cell) => cell.trim()));
    assert.deepEqual(table.map(([, code]) => code), api.components.schemas.ErrorCode.enum.map((code) => `\`${code}\``));
    for (const [, code, , answer] of table) {
      const data = { code: code.slice(1, -1), message: 'A sentence.', n: 1, socketId: 'x' };
      const retryable = { yes: true, no: false }[answer];
      assert.ok(named('Error').accepts({ eventName: 'error', data: { ...data, retryable } }), code);
    }
  });

  test('names every reserved event', () => {
    const section = page.match(/^### Custom events\n([\s\S]*?)^##/m)[1];
    const names = new Set(section.match(/(?<=`)[a-z_]+(?=`)/g));
    for (const name of api.components.schemas.CustomEventName.not.enum) assert.ok(names.has(name), name);
  });
});
