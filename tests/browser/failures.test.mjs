/* Each failure is told in a sentence, with something to do about it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grantDevices, SERVER_AWAY } from './browsers.mjs';
import { canBeRemoved, fillAndJoin, inCall, seesMovingPicture, stage, write } from './harness.mjs';

test('permission denied', async (t) => {
  const { visit } = await stage(t);
  const page = await visit({ permissions: [] });
  await told(page, 'The browser keeps your camera and microphone off.', 'Try again');
  await grantDevices(page);
  await page.getByRole('button', { name: 'Try again' }).click();
  await notTold(page, 'The browser keeps your camera and microphone off.');
  await fillAndJoin(page, 'Ada');
  await inCall(page);
});

for (const [name, sentence, action] of [
  ['NotFoundError', 'No camera or microphone found.', 'Look again'],
  ['NotReadableError', 'Another program is using your camera or microphone.', 'Try again'],
  ['TypeError', 'This browser could not start camera or microphone.', 'Try again'],
]) {
  test(`no devices: ${name}`, async (t) => {
    const { visit } = await stage(t);
    const page = await visit({ path: '/#kitchen' });
    await page.addInitScript((name) => {
      globalThis.devicesFail = true;
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (constraints) => {
        if (globalThis.devicesFail) throw new DOMException('as the test wants it', name);
        return open(constraints);
      };
    }, name);
    await page.reload();
    await told(page, sentence, action);
    await page.evaluate(() => (globalThis.devicesFail = false));
    await page.getByRole('button', { name: action }).click();
    await notTold(page, sentence);
    assert.equal(await page.getByRole('button', { name: 'Camera' }).getAttribute('aria-pressed'), 'true');
  });
}

test('only a microphone: no complaint', async (t) => {
  const { visit } = await stage(t);
  const page = await visit({
    init: () => {
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (constraints) => {
        if (constraints.video) throw new DOMException('no camera', 'NotFoundError');
        return open(constraints);
      };
    },
  });
  await page.locator('#lobby [data-device=microphone][aria-pressed=true]').waitFor();
  assert.equal(await page.locator('#lobby [data-device=camera]').getAttribute('aria-pressed'), 'false');
  await fillAndJoin(page, 'Ada');
  await inCall(page);
  assert.equal(await page.locator('#media-notice').textContent(), '');
});

test('insecure origin', async (t) => {
  const { visit, join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const page = await visit({ path: '/#kitchen', insecure: true });
  await told(page, 'Camera and microphone need a secure (https) page.', 'Open securely');
  await fillAndJoin(page, 'Ben');
  await inCall(page);
  await seesMovingPicture(page, 'Ada');
  await ada.getByRole('article', { name: 'Ben' }).waitFor();
});

test('room full', async (t) => {
  const { join, visit } = await stage(t, ['--room-capacity', '2']);
  await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  const eve = await visit({ path: '/#kitchen' });
  await fillAndJoin(eve, 'Eve');
  await told(eve, 'This room is full.', 'Try again');
  await ben.getByRole('button', { name: 'Leave' }).click();
  await ben.getByRole('button', { name: 'Join' }).waitFor();
  await eve.getByRole('button', { name: 'Try again' }).click();
  await inCall(eve);
});

test("a name that no room can have", async (t) => {
  const { visit } = await stage(t);
  const page = await visit({ path: '/#kitchen' });
  await page.getByLabel('Room').fill('🦦'.repeat(32)); // 64 characters for the field, 128 bytes
  await fillAndJoin(page, 'Ada');
  await inCall(page);
  await page.getByRole('button', { name: 'Leave' }).click();
  await page.goto(page.url().split('#')[0] + '#' + encodeURIComponent('🦦'.repeat(33)));
  await fillAndJoin(page, 'Ada');
  await told(page, 'A room cannot have this name.', 'Suggest another');
  await page.getByRole('button', { name: 'Suggest another' }).click();
  await fillAndJoin(page, 'Ada');
  await inCall(page);
});

test('a room that asks for a token', async (t) => {
  const { visit } = await stage(t, ['--auth-key', 'a-key-of-32-bytes-and-some-more-x']);
  const page = await visit({ path: '/#kitchen' });
  await fillAndJoin(page, 'Ada');
  await told(page, 'Only people with an invitation may come in here', 'Try again');
});

test('server away', async (t) => {
  const { gateway, visit, expectError } = await stage(t);
  expectError(SERVER_AWAY);
  const page = await visit({ path: '/#kitchen' });
  // Once a page is there, the browser asks for its icon again: a server that is killed under that resets the connection.
  await page.waitForLoadState('networkidle');
  await gateway.stop();
  await fillAndJoin(page, 'Ada');
  await told(page, 'The server cannot be reached.', 'Try again');
  await gateway.start();
  await page.getByRole('button', { name: 'Try again' }).click();
  await inCall(page);
});

test('connection lost, and found again by itself', async (t) => {
  const { gateway, join, expectError } = await stage(t);
  expectError(SERVER_AWAY);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await seesMovingPicture(ada, 'Ben');
  await gateway.stop();
  for (const page of [ada, ben]) {
    await page.getByText('The connection to the server is gone. Your call goes on.').waitFor();
    await page.getByText('2 people').waitFor();
  }
  await seesMovingPicture(ada, 'Ben');
  await seesMovingPicture(ben, 'Ada');
  await gateway.start(); // which knows of nobody
  for (const page of [ada, ben]) await page.getByText('You are connected again.').waitFor();
  await seesMovingPicture(ada, 'Ben');
  await seesMovingPicture(ben, 'Ada');
  for (const page of [ada, ben]) await page.getByText('You are connected again.').waitFor({ state: 'detached' });
});

test('what is written while the server is away arrives', async (t) => {
  const { gateway, join, expectError } = await stage(t);
  expectError(SERVER_AWAY);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await seesMovingPicture(ada, 'Ben');
  await gateway.stop();
  await ada.getByText('The connection to the server is gone.').waitFor();
  await write(ada, 'Can you still read me?');
  await ben.getByRole('log').getByText('Can you still read me?').waitFor();
});

test('a connection that is over for good', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen', { init: canBeRemoved });
  const ben = await join('Ben', 'kitchen');
  await seesMovingPicture(ada, 'Ben');
  await ada.evaluate(() => globalThis.remove());
  await told(ada, 'You were removed from this room.', 'Join again');
  assert.equal(await ada.getByRole('article').count(), 1);
  await ada.getByRole('textbox', { name: 'Message' }).fill('anybody there?');
  await ada.getByRole('button', { name: 'Send' }).click();
  await ada.getByText('This message could not be sent.').waitFor();
  await ada.getByRole('button', { name: 'Join again' }).click();
  await seesMovingPicture(ada, 'Ben');
  await seesMovingPicture(ben, 'Ada');
});

async function told(page, sentence, action) {
  const notice = page.locator('.notice', { hasText: sentence });
  await notice.getByRole('button', { name: action }).waitFor();
}

async function notTold(page, sentence) {
  await page.getByText(sentence).waitFor({ state: 'hidden' });
}
