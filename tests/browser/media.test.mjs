/* Opening a camera and a screen: a stream, or one of a few errors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stage } from './harness.mjs';
import { roomsPage } from './rooms.mjs';

test('what the browser refuses has a code', async (t) => {
  const page = await roomsPage(t);
  const codes = await page.evaluate(async () => {
    const { sdk, codeOf } = globalThis;
    const codes = {};
    for (const name of ['NotAllowedError', 'NotFoundError', 'NotReadableError', 'AbortError', 'OverconstrainedError', 'InvalidStateError', 'TypeError']) {
      const error = name === 'TypeError' ? new TypeError() : new DOMException('as the test wants it', name);
      const refuse = () => Promise.reject(error);
      Object.assign(navigator.mediaDevices, { getUserMedia: refuse, getDisplayMedia: refuse });
      codes[name] = [await codeOf(sdk.openCamera()), await codeOf(sdk.openScreen())];
    }
    navigator.mediaDevices.getDisplayMedia = undefined; // as on phones
    return { ...codes, none: await codeOf(sdk.openScreen()) };
  });
  assert.deepEqual(codes, {
    NotAllowedError: ['media_denied', 'media_denied'],
    NotFoundError: ['media_not_found', 'media_not_found'],
    NotReadableError: ['media_in_use', 'media_in_use'],
    AbortError: ['media_in_use', 'media_in_use'],
    OverconstrainedError: ['media_overconstrained', 'media_overconstrained'],
    InvalidStateError: ['media_denied', 'media_denied'],
    TypeError: ['unsupported', 'unsupported'],
    none: 'unsupported',
  });
});

test('a screen is asked for as the page wants it', async (t) => {
  const page = await roomsPage(t);
  const asked = await page.evaluate(async () => {
    const { sdk, picture } = globalThis;
    const asked = [];
    const stream = picture();
    navigator.mediaDevices.getDisplayMedia = async (options) => asked.push(options) && stream;
    const opened = [await sdk.openScreen(), await sdk.openScreen({ audio: true })];
    return { asked, isIt: opened.every((each) => each === stream) };
  });
  assert.deepEqual(asked, { asked: [undefined, { audio: true }], isIt: true });
});

test('a page that is not secure', async (t) => {
  const { visit } = await stage(t);
  const page = await visit({ insecure: true });
  const codes = await page.evaluate(async () => {
    const { openCamera, openScreen } = await import('/switchboard.js');
    return Promise.all([openCamera, openScreen].map((open) => open().catch((error) => error.code)));
  });
  assert.deepEqual(codes, ['insecure_context', 'insecure_context']);
});
