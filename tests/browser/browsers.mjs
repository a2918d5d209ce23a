/*
 * The browser that the tests run in: Chromium, or with BROWSER=firefox a Firefox as it is installed. What they are told
 * in different ways, or can't be told, stands here.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

const inClient = createRequire(new URL('../../client/package.json', import.meta.url));
const playwright = inClient('playwright-core');

/** Reached over plain http and not a loopback name: no secure context. */
export const INSECURE_HOST = 'insecure.test';

const DEVICES = ['camera', 'microphone'];

/** Devices are made up, and what a context isn't granted is denied without asking. */
const BROWSERS = {
  chromium: {
    launch: () => playwright.chromium.launch({
      executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
      args: [
        '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
        '--disable-background-networking', '--disable-component-update', '--disable-sync',
        '--use-fake-device-for-media-stream=device-count=3', '--deny-permission-prompts',
        `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`,
      ],
    }),
    newContext: (browser, options) => browser.newContext(options),
    grantDevices: (page) => page.context().grantPermissions(DEVICES),
    ownDoing: /^(?!)/,
    serverAway: /WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED/,
  },

  firefox: {
    launch: () => playwright.firefox.launch({
      channel: 'moz-firefox', // which is driven over WebDriver BiDi
      executablePath: process.env.FIREFOX_BIN ?? inPath('firefox-esr', 'firefox'),
      headless: true,
      firefoxUserPrefs: {
        'media.navigator.streams.fake': true,
        'media.cubeb.force_mock_context': true, // without a sound card, no AudioContext would run
        'media.navigator.permission.disabled': true,
        'media.autoplay.default': 0,
        'media.peerconnection.ice.loopback': true,
        'media.peerconnection.ice.obfuscate_host_addresses': false,
        'dom.events.testing.asyncClipboard': true,
        'network.dns.localDomains': INSECURE_HOST,
      },
    }),
    /** It can't be told to deny devices to one context and not to another: what a page isn't granted, a script in it denies. */
    async newContext(browser, { permissions, ...options }) {
      const context = await browser.newContext(options);
      await context.addInitScript(spellsOutErrors);
      await context.addInitScript(hearsTests);
      if (!permissions.includes('camera')) await context.addInitScript(deniesDevices);
      return context;
    },
    grantDevices: (page) => page.evaluate(() => globalThis.grantDevices()),
    ownDoing: /blocked an inline style .*sha256-YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT/, // that of a screenshot
    serverAway: /Firefox can’t establish a connection to the server|The connection to .* was interrupted/,
  },
};

const name = process.env.BROWSER ?? 'chromium';
assert(Object.hasOwn(BROWSERS, name), `BROWSER is one of ${Object.keys(BROWSERS).join(', ')}`);

export const { launch, newContext, grantDevices, serverAway: SERVER_AWAY, ownDoing: OWN_DOING } = BROWSERS[name];

/**
 * For a test that a browser can't run, for a reason that is its own or its driver's.
 *
 * @param {{ firefox: string }} reasons by browser
 * @returns {import('node:test').TestOptions}
 */
export function notIn(reasons) {
  return { skip: reasons[name] ?? false };
}

/** Of a context that is offline. */
export const NO_OUTAGES = { firefox: 'offline, it goes on with the WebSockets that it has' };
export const NO_DOWNLOADS = { firefox: 'its driver tells of no download that a page made' };
export const ONE_DEVICE_OF_A_KIND = { firefox: 'it makes up one camera and one microphone' };

function deniesDevices() {
  const { mediaDevices } = navigator;
  if (!mediaDevices) return; // no secure context
  mediaDevices.getUserMedia = () => Promise.reject(new DOMException('not granted', 'NotAllowedError'));
  globalThis.grantDevices = () => delete mediaDevices.getUserMedia;
}

/** Who listens to a track hears only what the browser says, and nothing that a test dispatches, unless the fourth argument asks for it. */
function hearsTests() {
  const { addEventListener } = EventTarget.prototype;
  MediaStreamTrack.prototype.addEventListener = function (type, listener, options) {
    addEventListener.call(this, type, listener, options, true);
  };
}

/** Of an error in the console, the driver tells no more than that it is one. */
function spellsOutErrors() {
  const { error } = console;
  console.error = (...args) => error(...args.map((arg) => (arg instanceof Error ? `${arg}${arg.cause ? `, because of ${arg.cause}` : ''}` : arg)));
}

/** The first of these programs that is installed. */
function inPath(...programs) {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = programs.flatMap((program) => folders.map((folder) => join(folder, program))).find(existsSync);
  assert(found, `install ${programs[0]}, or set FIREFOX_BIN`);
  return found;
}
