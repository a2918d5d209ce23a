/* Files in the demo room: given to everybody, taken by those who want them. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { NO_DOWNLOADS, notIn } from './browsers.mjs';
import { seesMovingPicture, stage } from './harness.mjs';

test('a file that is dropped on the pictures goes to who accepts it, and not to who refuses', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  const eve = await join('Eve', 'kitchen');
  for (const name of ['Ben', 'Eve']) await seesMovingPicture(ada, name);
  await drag(ada, 'dragenter');
  await ada.getByText('Drop it to share it with everybody').waitFor();
  await drag(ada, 'drop');
  await ada.getByText('Drop it to share it with everybody').waitFor({ state: 'hidden' });
  const given = card(ada, 'notes.txt');
  await given.getByText('Waiting for Ben and Eve').waitFor();
  await eve.getByRole('button', { name: 'Refuse' }).click();
  await card(eve, 'notes.txt').getByText('You refused it.').waitFor();
  await given.getByText('Waiting for Ben · Eve didn’t take it').waitFor();
  assert.equal(await given.getByRole('button', { name: 'Cancel' }).count(), 1);
  await ben.getByRole('button', { name: 'Accept' }).click();
  await given.getByText('Ben has it · Eve didn’t take it').waitFor();
  assert.equal(await given.getByRole('button').count(), 0);
  assert.equal(await given.locator('progress').isVisible(), false);
  assert.equal(await card(ben, 'notes.txt').getByRole('link', { name: 'Download' }).count(), 1);
  assert.equal(await eve.getByRole('link', { name: 'Download' }).count(), 0);
});

test('what was taken can be kept', notIn(NO_DOWNLOADS), async (t) => {
  const { ada, ben } = await two(t);
  await give(ada, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('what Ada wrote') });
  await ben.getByRole('button', { name: 'Accept' }).click();
  const [download] = await Promise.all([ben.waitForEvent('download'), card(ben, 'notes.txt').getByRole('link', { name: 'Download' }).click()]);
  assert.equal(download.suggestedFilename(), 'notes.txt');
  assert.equal(await readFile(await download.path(), 'utf8'), 'what Ada wrote');
});

test('a picture is shown small, at both ends', async (t) => {
  const { ada, ben } = await two(t);
  await give(ada, { name: 'tea.png', mimeType: 'image/png', buffer: await picture(ada) });
  await card(ada, 'tea.png').getByRole('img', { name: 'What tea.png shows' }).waitFor();
  await ben.getByRole('button', { name: 'Accept' }).click();
  const shown = card(ben, 'tea.png').getByRole('img', { name: 'What tea.png shows' });
  await shown.waitFor();
  const { width, height } = await shown.boundingBox();
  assert(width <= 240 && height <= 240 && Math.abs(width / height - 2) < 0.1, `${width} × ${height}`);
});

test('a file is called the same at both ends', async (t) => {
  const { ada, ben } = await two(t);
  await give(ada, { name: 'tea\u202egnp\u200b.exe', mimeType: 'text/plain', buffer: Buffer.from('…') });
  for (const page of [ada, ben]) await page.getByRole('log').locator('.file-name').getByText('teagnp.exe', { exact: true }).waitFor();
});

test('what only says that it is a picture is a file like others', async (t) => {
  const { ada, ben } = await two(t);
  await give(ada, { name: 'odd.png', mimeType: 'image/png', buffer: Buffer.from('no picture') });
  await ben.getByRole('button', { name: 'Accept' }).click();
  await card(ben, 'odd.png').getByRole('link', { name: 'Download' }).waitFor();
  assert.equal(await card(ben, 'odd.png').locator('.thumbnail').isVisible(), false);
});

test('who gives a file may think better of it', async (t) => {
  const { ada, ben } = await two(t);
  await giveLarge(ada);
  await ben.getByRole('button', { name: 'Accept' }).click();
  await card(ben, 'large.bin').getByText(/^[1-9][\d.]* [kM]B of 400 MB$/).waitFor();
  await card(ada, 'large.bin').getByText(/^[1-9][\d.]* [kM]B of 400 MB$/).waitFor();
  assert(await card(ada, 'large.bin').locator('progress').evaluate(({ value }) => value > 0 && value < 1));
  await card(ada, 'large.bin').getByRole('button', { name: 'Cancel' }).click();
  await card(ada, 'large.bin').getByText('You cancelled it.').waitFor();
  await card(ben, 'large.bin').getByText('Ada cancelled it.').waitFor();
  assert.equal(await card(ben, 'large.bin').getByRole('button').count(), 0);
});

test('what is offered no longer is not asked about any more', async (t) => {
  const { ada, ben } = await two(t);
  for (const name of ['first.txt', 'second.txt']) {
    await give(ada, { name, mimeType: 'text/plain', buffer: Buffer.from('…') });
    await card(ben, name).getByRole('button', { name: 'Accept' }).waitFor();
  }
  await card(ada, 'first.txt').getByRole('button', { name: 'Cancel' }).click();
  await card(ben, 'first.txt').getByText('Ada cancelled it.').waitFor();
  assert.equal(await card(ben, 'first.txt').getByRole('button').count(), 0);
  await card(ben, 'second.txt').getByRole('button', { name: 'Accept' }).waitFor();
  await ada.getByRole('button', { name: 'Leave' }).click();
  await card(ben, 'second.txt').getByText('Ada left before all of it was here.').waitFor();
  assert.equal(await card(ben, 'second.txt').getByRole('button').count(), 0);
});

test('who takes a file may think better of it', async (t) => {
  const { ada, ben } = await two(t);
  await giveLarge(ada);
  await ben.getByRole('button', { name: 'Accept' }).click();
  await card(ben, 'large.bin').getByRole('button', { name: 'Cancel' }).click();
  await card(ben, 'large.bin').getByText('You cancelled it.').waitFor();
  await card(ada, 'large.bin').getByText('Ben didn’t take it').waitFor();
});

test('who leaves on the way is told of', async (t) => {
  const { ada, ben } = await two(t);
  await giveLarge(ada);
  await ben.getByRole('button', { name: 'Accept' }).click();
  await card(ben, 'large.bin').getByRole('button', { name: 'Cancel' }).waitFor();
  await ada.getByRole('button', { name: 'Leave' }).click();
  await card(ben, 'large.bin').getByText('Ada left before all of it was here.').waitFor();
});

test('alone, nobody gets a file, and that is said', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  await give(ada, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('…') });
  await ada.getByText('Nobody is here yet who could get a file.').waitFor();
  assert.equal(await ada.locator('.file').count(), 0);
});

test('a file that comes while the chat is closed is counted', async (t) => {
  const { ada, ben } = await two(t);
  await ben.getByRole('button', { name: 'Close chat' }).click();
  await give(ada, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('…') });
  await ben.getByText('1 unread').waitFor({ state: 'attached' });
  await ben.locator('#announcer', { hasText: 'Ada would like to send you notes.txt' }).waitFor({ state: 'attached' });
});

async function two(t) {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await seesMovingPicture(ada, 'Ben');
  return { ada, ben };
}

function card(page, name) {
  return page.getByRole('log').getByRole('listitem').filter({ hasText: name });
}

/** By the button. */
async function give(page, file) {
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.locator('#share-file').click()]);
  await chooser.setFiles(file);
}

/** Too large to be over soon, and of no memory to speak of. */
function giveLarge(page) {
  return page.evaluate(() => {
    const part = new Blob([new Uint8Array(1_000_000)]);
    const file = new File(Array(400).fill(part), 'large.bin');
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(file);
    document.querySelector('#people').dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer }));
  });
}

/** As if somebody dragged a file there from elsewhere. */
function drag(page, event) {
  return page.evaluate((event) => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(['what Ada wrote'], 'notes.txt', { type: 'text/plain' }));
    document.querySelector('#people').dispatchEvent(new DragEvent(event, { bubbles: true, cancelable: true, dataTransfer }));
  }, event);
}

/** A PNG, twice as wide as high. */
async function picture(page) {
  const base64 = await page.evaluate(() => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 800, height: 400 });
    canvas.getContext('2d').fillRect(100, 100, 200, 200);
    return canvas.toDataURL().split(',')[1];
  });
  return Buffer.from(base64, 'base64');
}
