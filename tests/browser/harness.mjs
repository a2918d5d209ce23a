/*
 * What the browser tests share: a gateway of their own, a real browser, and people who visit.
 * A page that writes an error to its console fails its test, unless the test says it expects it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { INSECURE_HOST, launch, newContext, OWN_DOING } from './browsers.mjs';
import { countsFrames, moves } from './pictures.mjs';

/** Granted unless a test says otherwise. */
const PERMISSIONS = ['camera', 'microphone'];
const PATIENCE_MS = 20_000;

/** @type {Promise<import('playwright-core').Browser> | undefined} */
let browser;

function theBrowser() {
  browser ??= launch();
  return browser;
}

after(async () => (await browser)?.close());

/**
 * A gateway for one test, and the pages that visit it.
 *
 * @param {import('node:test').TestContext} t
 * @param {string[]} [gatewayArgs]
 */
export async function stage(t, gatewayArgs = []) {
  const gateway = await Gateway.start(gatewayArgs);
  return { gateway, ...(await visitors(t, gateway)) };
}

/**
 * Pages that visit a server, which is stopped when they are gone.
 *
 * @param {import('node:test').TestContext} t
 * @param {{ address: string, stop: () => Promise<void> }} server
 */
export async function visitors(t, server) {
  const browser = await theBrowser();
  const contexts = [];
  const errors = [];
  const expected = [OWN_DOING];

  t.after(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    await server.stop();
    assert.deepEqual(errors.filter((error) => !expected.some((pattern) => pattern.test(error))), []);
  });

  /** Opens a page, of this server unless `at` another; `init`, a function or several, runs in it before its own scripts, and `watch` gets it before it loads. */
  async function visit({ at = server, path = '/', url, insecure = false, init, watch, permissions = PERMISSIONS, ...options } = {}) {
    const context = await newContext(browser, { permissions, ...options });
    contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (line) => line.type() === 'error' && errors.push(`${line.text()} (${line.location().url})`));
    page.on('pageerror', (error) => errors.push(error.message));
    for (const script of [countsFrames, init].flat()) if (script) await page.addInitScript(inPages(script));
    watch?.(page);
    const host = insecure ? at.address.replace('127.0.0.1', INSECURE_HOST) : at.address;
    await page.goto(url ?? `http://${host}${path}`);
    return page;
  }

  /** Visits the demo and joins a room. */
  async function join(name, room, options = {}) {
    const page = await visit({ path: `/#${room}`, ...options });
    await fillAndJoin(page, name);
    await inCall(page);
    return page;
  }

  /** A page with the SDK as `sdk`, and the demo's lobby unused behind it. */
  async function sdkPage(options) {
    const page = await visit({ permissions: [], ...options });
    await page.evaluate(async () => {
      globalThis.sdk = await import('/switchboard.js');
    });
    return page;
  }

  return { visit, join, sdkPage, expectError: (pattern) => expected.push(pattern) };
}

/** Not in the empty document that a window has at first, which Firefox has no devices for. */
function inPages(script) {
  return { content: `if (location.protocol.startsWith('http')) (${script})();` };
}

export async function fillAndJoin(page, name) {
  await page.getByLabel('Your name').fill(name);
  await page.getByRole('button', { name: 'Join' }).click();
}

export function inCall(page) {
  return page.getByRole('button', { name: 'Leave' }).waitFor();
}

/** Says something in the chat. */
export async function write(page, text) {
  await page.getByRole('textbox', { name: 'Message' }).fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

export function tileOf(page, name) {
  return page.locator('#people').getByRole('article', { name, exact: true });
}

/** Waits until a person's picture is to be seen and has changed several more times. */
export async function seesMovingPicture(page, name) {
  await moves(page, await videoOf(page, name));
}

export function videoOf(page, name) {
  return tileOf(page, name).locator('video').elementHandle();
}

/** For a page that is asked what it heard: `heard('peers')` is how often its connections said that. */
export function notesWhatItHears() {
  const counts = {};
  globalThis.heard = (eventName) => counts[eventName] ?? 0;
  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({ data }) => {
        const { eventName } = JSON.parse(data);
        counts[eventName] = globalThis.heard(eventName) + 1;
      });
    }
  };
}

/** For a page that is to lose its room: `remove()` closes its connection as an operator would. */
export function canBeRemoved() {
  globalThis.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      globalThis.remove = () => {
        super.close();
        this.dispatchEvent(new CloseEvent('close', { code: 4410 }));
      };
    }
  };
}

/** A gateway in a process of its own. */
export class Gateway {
  #process;
  #args;
  address = '';
  admin = '';

  static async start(args) {
    const gateway = new Gateway();
    gateway.#args = args;
    await gateway.start('127.0.0.1:0');
    return gateway;
  }

  /** Starts, after a stop on the same address. */
  async start(listen = this.address) {
    const args = ['--listen', listen, '--admin-listen', '127.0.0.1:0', '--log-format', 'json', ...this.#args];
    this.#process = spawn(binary(), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    Object.assign(this, await addressesOf(this.#process));
  }

  /** Ends it at once, as a crash would. */
  stop() {
    return end(this.#process);
  }
}

/**
 * Ends a process at once, if it hasn't ended.
 *
 * @param {import('node:child_process').ChildProcess} child
 */
export async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

function binary() {
  const candidates = ['release', 'debug'].map((profile) => fileURLToPath(new URL(`../../target/${profile}/switchboard`, import.meta.url)));
  const found = process.env.SWITCHBOARD_BIN ?? candidates.find(existsSync);
  assert(found, 'build the gateway first (cargo build), or set SWITCHBOARD_BIN');
  return found;
}

/** The addresses in the first log lines, for clients and for operators. What it logs later is read too, so that its pipe never fills. */
function addressesOf(gateway) {
  return new Promise((resolve, reject) => {
    gateway.once('error', reject);
    gateway.once('exit', (code) => reject(new Error(`the gateway ended with ${code}`)));
    createInterface(gateway.stderr).on('line', (line) => {
      const { message, address, admin } = JSON.parse(line);
      if (message === 'listening') resolve({ address, admin });
    });
  });
}
