/* Rooms of the SDK in a page, for the tests of the SDK. */
import { stage } from './harness.mjs';

/** A page with the SDK and a few helpers. */
export async function roomsPage(t, gatewayArgs = []) {
  const { sdkPage } = await stage(t, gatewayArgs);
  return prepare(await sdkPage());
}

/** Two rooms in one page, `first` and `second`, connected; `offers` counts what each has sent. */
export async function pageOfTwo(t, options = {}) {
  const page = await roomsPage(t);
  await connectTwo(page, options);
  return page;
}

/** Makes two rooms, with the page's own WebSocket if it has one. */
export async function connectTwo(page, { published = false, rtcConfig = {} } = {}) {
  await page.evaluate(async ({ published, rtcConfig }) => {
    const { sdk, next, picture, countOffers, channels } = globalThis;
    globalThis.offers = { first: 0, second: 0 };
    const RTCPeerConnection = class extends globalThis.RTCPeerConnection {
      createDataChannel(...args) {
        const channel = super.createDataChannel(...args);
        channels.push(channel);
        return channel;
      }
    };
    const room = (name) => new sdk.Room({ room: 'kitchen', WebSocket: countOffers(name), RTCPeerConnection, rtcConfig });
    const first = (globalThis.first = room('first'));
    const second = (globalThis.second = room('second'));
    const arrivals = published ? [next(first, 'stream'), next(second, 'stream')] : [];
    if (published) for (const each of [first, second]) each.publish(picture());
    const connected = [first, second].map((each) => next(each, 'peerstate', (peer, state) => state === 'connected'));
    await first.join();
    await second.join();
    await Promise.all([...connected, ...arrivals]);
  }, { published, rtcConfig });
}

/** Gives a page what the tests of rooms share. */
export async function prepare(page) {
  await page.evaluate(() => {
    Object.assign(globalThis, {
      channels: [],

      /** A moving picture of some size, of so many frames a second. */
      picture(width = 160, height = 120, rate = 25) {
        const canvas = Object.assign(document.createElement('canvas'), { width, height });
        const context = canvas.getContext('2d');
        const stream = canvas.captureStream();
        const [track] = stream.getTracks();
        let frames = 0;
        const timer = setInterval(() => {
          if (track.readyState === 'ended') return clearInterval(timer);
          context.fillStyle = `hsl(${(frames++ * 7) % 360} 80% 50%)`;
          context.fillRect(0, 0, width, height);
        }, 1000 / rate);
        return stream;
      },

      /** The arguments of an event, as soon as they are the ones waited for. */
      next(room, event, isIt = () => true) {
        return new Promise((resolve) => {
          const stop = room.on(event, (...args) => {
            if (!isIt(...args)) return;
            stop();
            resolve(args);
          });
        });
      },

      /** Waits until a stream shows a picture of that size. */
      async sizeOf(stream, width, height) {
        const video = document.createElementNS('http://www.w3.org/1999/xhtml', 'video');
        Object.assign(video, { srcObject: stream, muted: true });
        await video.play();
        while (video.videoWidth !== width || video.videoHeight !== height) {
          await new Promise((resolve) => video.addEventListener('resize', resolve, { once: true }));
        }
      },

      /** Waits until so many more pictures of a stream came. */
      async moves(stream, pictures = 5) {
        const video = (stream.video ??= document.createElementNS('http://www.w3.org/1999/xhtml', 'video'));
        Object.assign(video, { srcObject: stream, muted: true });
        await video.play();
        for (let count = 0; count < pictures; count++) await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      },

      codeOf(promise) {
        return promise.then(() => 'sent', (error) => error.code ?? String(error));
      },

      /** Somebody in the room who speaks the protocol and does nothing by itself; `heard` is what it was sent. */
      async stranger() {
        const socket = new WebSocket(`ws://${location.host}/ws`, 'switchboard.v1');
        const heard = [];
        const send = (eventName, data) => socket.send(JSON.stringify({ eventName, data }));
        await new Promise((resolve) => socket.addEventListener('open', resolve));
        send('join', { room: 'kitchen' });
        await new Promise((resolve) => {
          socket.addEventListener('message', ({ data }) => {
            heard.push(JSON.parse(data));
            resolve();
          });
        });
        return { socket, heard, send };
      },

      countOffers(name) {
        return class extends WebSocket {
          send(text) {
            if (JSON.parse(text).eventName === 'offer') globalThis.offers[name]++;
            super.send(text);
          }
        };
      },
    });
  });
  return page;
}
