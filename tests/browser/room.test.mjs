/* The demo room, as people use it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seesMovingPicture, stage, tileOf, write } from './harness.mjs';

const PEOPLE = ['Ada', 'Ben', 'Eve'];

test('three people see each other move', async (t) => {
  const { pages } = await threeInARoom(t);
  for (const [name, page] of pages) {
    for (const other of PEOPLE.filter((person) => person !== name)) await seesMovingPicture(page, other);
    await page.getByText('3 people').waitFor();
  }
});

test('what one writes, the others read, with the name', async (t) => {
  const { pages } = await threeInARoom(t);
  await write(pages.get('Ada'), 'Is <b>everybody</b> here?');
  for (const name of ['Ben', 'Eve']) {
    const message = pages.get(name).getByRole('log').getByRole('listitem').filter({ hasText: 'Is <b>everybody</b> here?' });
    await message.getByText('Ada').waitFor();
  }
});

test('whoever leaves is gone from the picture', async (t) => {
  const { pages } = await threeInARoom(t);
  for (const name of ['Ada', 'Ben']) await tileOf(pages.get(name), 'Eve').waitFor();
  await pages.get('Eve').getByRole('button', { name: 'Leave' }).click();
  await pages.get('Eve').getByRole('button', { name: 'Join' }).waitFor();
  for (const name of ['Ada', 'Ben']) {
    await tileOf(pages.get(name), 'Eve').waitFor({ state: 'detached' });
    await pages.get(name).getByText('Eve left').waitFor();
  }
});

test('whoever closes the page is gone too', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await tileOf(ada, 'Ben').waitFor();
  await ben.close();
  await tileOf(ada, 'Ben').waitFor({ state: 'detached' });
});

test('another room is another room', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const dan = await join('Dan', 'garden');
  const ben = await join('Ben', 'kitchen'); // whatever the gateway would have told Dan of Ada, it told before this
  await tileOf(ada, 'Ben').waitFor();
  await tileOf(ben, 'Ada').waitFor();
  await dan.getByText('Just you').waitFor();
  assert.equal(await dan.getByRole('article').count(), 1);
});

test('without camera and microphone one joins, sees, hears and writes', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen', { init: noDevices });
  await seesMovingPicture(ben, 'Ada');
  await tileOf(ada, 'Ben').getByLabel('Microphone off').waitFor();
  await write(ben, 'I only listen today');
  await ada.getByText('I only listen today').waitFor();
});

test('a camera that is switched off and on again', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await seesMovingPicture(ada, 'Ben');
  const camera = ben.getByRole('button', { name: 'Camera' });
  await camera.click();
  await tileOf(ada, 'Ben').locator('video').waitFor({ state: 'hidden' });
  assert.equal(await camera.getAttribute('aria-pressed'), 'false');
  await camera.click();
  await tileOf(ada, 'Ben').locator('video').waitFor();
  await seesMovingPicture(ada, 'Ben');
});

test('a camera that is switched on only in the room', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen', { init: deniedAtFirst });
  const ben = await join('Ben', 'kitchen', { init: deniedAtFirst });
  await tileOf(ada, 'Ben').getByLabel('Microphone off').waitFor();
  await ada.getByRole('button', { name: 'Camera' }).click();
  await seesMovingPicture(ben, 'Ada');
});

test('a muted microphone shows', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await ben.getByRole('button', { name: 'Microphone' }).click();
  await tileOf(ada, 'Ben').getByLabel('Microphone off').waitFor();
  await ben.getByRole('button', { name: 'Microphone' }).click();
  await tileOf(ada, 'Ben').getByLabel('Microphone off').waitFor({ state: 'hidden' });
});

test("the room's link leads into the room", async (t) => {
  const { join, visit } = await stage(t);
  const ada = await join('Ada', 'my kitchen', { permissions: ['camera', 'microphone', 'clipboard-read', 'clipboard-write'] });
  await ada.getByRole('button', { name: 'Copy link' }).click();
  await ada.getByText('Copied').waitFor();
  const link = new URL(await ada.evaluate(() => navigator.clipboard.readText()));
  const ben = await visit({ path: `/${link.hash}` });
  assert.equal(await ben.getByLabel('Room').inputValue(), 'my kitchen');
});

test('without a link a room is suggested', async (t) => {
  const { visit } = await stage(t);
  const page = await visit();
  assert.match(await page.getByLabel('Room').inputValue(), /^[a-z]+-[a-z]+-\d{3}$/);
});

async function threeInARoom(t) {
  const { join } = await stage(t);
  const pages = new Map();
  for (const name of PEOPLE) pages.set(name, await join(name, 'kitchen'));
  return { pages };
}

function noDevices() {
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no device', 'NotFoundError'));
}

function deniedAtFirst() {
  const allowed = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = () => {
    navigator.mediaDevices.getUserMedia = allowed;
    return Promise.reject(new DOMException('not now', 'NotAllowedError'));
  };
}
