/* The demo room, as people with other browsers, screens and habits use it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SERVER_AWAY } from './browsers.mjs';
import { canBeRemoved, fillAndJoin, inCall, stage } from './harness.mjs';

const PHONE = { viewport: { width: 390, height: 844 } };
const PHONE_ON_ITS_SIDE = { viewport: { width: 844, height: 390 } };

test('a browser that remembers nothing', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen', { init: noMemory });
  assert.equal(await ada.locator('#room-name').textContent(), 'kitchen');
});

test('after a refused join the keyboard is at what to do next', async (t) => {
  const { join, visit } = await stage(t, ['--room-capacity', '1']);
  await join('Ada', 'kitchen');
  const ben = await visit({ path: '/#kitchen' });
  await fillAndJoin(ben, 'Ben');
  await focused(ben, 'Try again');
  const [notice, button] = await Promise.all(['#join-notice', '#join [type=submit]'].map((part) => ben.locator(part).boundingBox()));
  assert(notice.y < button.y, 'the notice stands above the button');
});

test('after joining again the keyboard is in the room, or at what to do next', async (t) => {
  const { gateway, join, expectError } = await stage(t);
  expectError(SERVER_AWAY);
  const ada = await join('Ada', 'kitchen', { init: canBeRemoved });
  await ada.evaluate(() => globalThis.remove());
  await gateway.stop();
  await ada.getByRole('button', { name: 'Join again' }).click();
  await focused(ada, 'Try again');
  await gateway.start();
  await ada.keyboard.press('Enter');
  await focused(ada, 'kitchen');
});

test('what the chat covers on a phone cannot be reached, and Escape closes it', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen', PHONE);
  const chat = ada.getByRole('complementary', { name: 'Chat' });
  await ada.getByRole('button', { name: 'Chat', exact: true }).click();
  await chat.waitFor();
  await ada.locator('#leave').focus();
  assert.notEqual(await ada.evaluate(() => document.activeElement.id), 'leave');
  await ada.evaluate(() => document.querySelector('dialog').showModal());
  await ada.keyboard.press('Escape');
  await ada.waitForFunction(() => document.querySelector('dialog[open]') === null);
  assert.equal(await chat.isVisible(), true, 'the dialog lay over it');
  await ada.keyboard.press('Escape');
  await chat.waitFor({ state: 'hidden' });
  await focused(ada, 'Chat');
});

test('a phone on its side shows how to join, after a refusal too', async (t) => {
  const { join, visit } = await stage(t, ['--room-capacity', '1']);
  await join('Ada', 'kitchen');
  const page = await visit({ path: '/#kitchen', ...PHONE_ON_ITS_SIDE });
  await fillAndJoin(page, 'Ben');
  await focused(page, 'Try again');
  const { y, height } = await page.getByRole('button', { name: 'Join' }).boundingBox();
  assert(y + height <= PHONE_ON_ITS_SIDE.viewport.height);
});

test('muting leaves the own picture alone', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const isSame = await ada.evaluate(async () => {
    const video = document.querySelector('#people .own video');
    const shown = video.srcObject;
    document.querySelector('#call [data-device=microphone]').click();
    return shown !== null && video.srcObject === shown;
  });
  assert(isSame);
});

test('another address while joining leads into the other room', async (t) => {
  const { visit } = await stage(t);
  const page = await visit({ path: '/#kitchen', init: joinsWhenToldTo });
  await fillAndJoin(page, 'Ada');
  await page.evaluate(() => {
    location.hash = '#garden';
    addEventListener('hashchange', () => globalThis.goOn());
  });
  await inCall(page);
  assert.equal(await page.locator('#room-name').textContent(), 'garden');
  assert.equal(new URL(page.url()).hash, '#garden');
});

/** Waits until the keyboard is at the button or heading of that name. */
function focused(page, name) {
  return page.waitForFunction((name) => {
    const { activeElement } = document;
    return [activeElement.ariaLabel, activeElement.textContent].includes(name);
  }, name);
}

function noMemory() {
  Object.defineProperty(globalThis, 'localStorage', {
    get() {
      throw new DOMException('not allowed', 'SecurityError');
    },
  });
}

/** Nothing is sent before `goOn()`. */
function joinsWhenToldTo() {
  const told = new Promise((resolve) => (globalThis.goOn = resolve));
  globalThis.WebSocket = class extends WebSocket {
    send(text) {
      told.then(() => this.readyState === WebSocket.OPEN && super.send(text));
    }
  };
}
