/* What people write in the demo room, and that none of it is lost on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canBeRemoved, stage, tileOf, write } from './harness.mjs';

test('what is written while the chat is closed is counted, and there when it opens', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await connected(ben, 'Ada');
  await ada.getByRole('button', { name: 'Close chat' }).click();
  await write(ben, 'The first');
  await write(ben, 'The second');
  const toggle = ada.getByRole('button', { name: 'Chat', exact: true });
  await toggle.filter({ hasText: /^2$/ }).waitFor();
  await ada.getByText('2 unread').waitFor({ state: 'attached' });
  await toggle.click();
  for (const text of ['The first', 'The second']) await ada.getByRole('log').getByText(text).waitFor();
  assert.equal(await ada.locator('#badge').isVisible(), false);
});

test('messages are told aloud only where the chat is closed', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await connected(ben, 'Ada');
  await ada.evaluate(() => {
    globalThis.said = '';
    const announcer = document.querySelector('#announcer');
    new MutationObserver(() => (globalThis.said += announcer.textContent)).observe(announcer, { childList: true });
  });
  await write(ben, 'Into the open chat');
  await ada.getByRole('log').getByText('Into the open chat').waitFor();
  await ada.getByRole('button', { name: 'Close chat' }).click();
  await write(ben, 'Into the closed chat');
  await ben.getByRole('button', { name: 'Leave' }).click();
  await ada.waitForFunction(() => globalThis.said.endsWith('Ben left'));
  assert.equal((await ada.evaluate(() => globalThis.said)).split('Message from Ben').length, 2, 'of one message');
});

test('what was written stays when the room is lost and joined again, and nobody seems to have left', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen', { init: canBeRemoved });
  const ben = await join('Ben', 'kitchen');
  await connected(ben, 'Ada');
  await write(ben, 'Before');
  await ada.getByRole('log').getByText('Before').waitFor();
  await ada.evaluate(() => globalThis.remove());
  await ada.getByRole('button', { name: 'Join again' }).click();
  await connected(ada, 'Ben');
  await write(ada, 'After');
  assert.deepEqual(await ada.locator('#messages li').evaluateAll((lines) => lines.map((line) => line.textContent.replace(/\s*\d.*M/, ' ').trim())), [
    'Ben joined', 'Ben Before', 'Ada After',
  ]);
});

test('whoever left while the room was lost is told of', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen', { init: canBeRemoved });
  const ben = await join('Ben', 'kitchen');
  await connected(ada, 'Ben');
  await ada.evaluate(() => globalThis.remove());
  await ben.getByRole('button', { name: 'Leave' }).click();
  await ada.getByRole('button', { name: 'Join again' }).click();
  await ada.getByRole('log').getByText('Ben left').waitFor();
});

test('web addresses are links that give nothing away, and nothing else is', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await connected(ben, 'Ada');
  await write(ben, 'See https://example.org/a?b=1#c, (http://example.org). Not javascript:alert(1) nor <a href="https://x.org">this</a> nor https://');
  const message = ada.getByRole('log').getByText('See https://example.org');
  await message.waitFor();
  const links = await message.locator('a').evaluateAll((all) => all.map(({ href, rel, target }) => ({ href, rel, target })));
  assert.deepEqual(links.map(({ href }) => href), ['https://example.org/a?b=1#c', 'http://example.org/', 'https://x.org/']);
  for (const { rel, target } of links) assert.deepEqual([rel, target], ['noopener noreferrer nofollow', '_blank']);
});

test('a name is what can be seen of it, and who shows none is a guest', async (t) => {
  const { join, sdkPage } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const page = await sdkPage();
  await page.evaluate(async () => {
    for (const name of ['\u202eB\u200be\u2066n\u0007', '\u200b\u202e\ufeff ']) await new globalThis.sdk.Room({ room: 'kitchen', info: { name } }).join();
  });
  for (const name of ['Ben', 'Guest']) await tileOf(ada, name).waitFor();
  assert.deepEqual(await ada.locator('#people .name').allTextContents(), ['Ada (you)', 'Ben', 'Guest']);
});

test('a bracket at the end belongs to the address that opened it', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  await write(ada, 'Otters (https://example.org/Otter_(animal)), https://example.org/Otter_(animal).');
  const message = ada.getByRole('log').getByText('Otters (');
  await message.waitFor();
  const links = await message.locator('a').evaluateAll((all) => all.map(({ href }) => href));
  assert.deepEqual(links, Array(2).fill('https://example.org/Otter_(animal)'));
});

test('a message that is made to be slow to read holds up nobody, and is cut', async (t) => {
  const { join } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await connected(ben, 'Ada');
  await ben.evaluate(() => {
    document.querySelector('#compose input').value = `http://a${')'.repeat(200_000)}x`; // more than can be typed
    document.querySelector('#compose').requestSubmit();
  });
  await write(ben, 'The next');
  for (const page of [ben, ada]) await page.getByRole('log').getByText('The next').waitFor();
  const lengths = await ada.locator('#messages .text').evaluateAll((all) => all.map(({ textContent }) => textContent.length));
  assert.deepEqual(lengths, [4002, 'The next'.length]);
});

/** Until then, what is written may reach nobody. */
async function connected(page, name) {
  await tileOf(page, name).waitFor();
  await page.waitForFunction((name) => document.querySelector(`#people [aria-label="${name}"] .status`).textContent === '', name);
}
