/* A client of 2014 and our SDK in one room. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seesMovingPicture, stage, tileOf } from './harness.mjs';

test('a SkyRTC client that was there first is seen, and sees', async (t) => {
  const { join, visit } = await stage(t);
  const old = await skyRtcClient(await visit(), 'kitchen');
  const ada = await join('Ada', 'kitchen');
  await seesMovingPicture(ada, 'Guest');
  await picturesMove(old, 1);
});

test('a SkyRTC client that comes later is seen, and sees', async (t) => {
  const { join, visit } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  const old = await skyRtcClient(await visit(), 'kitchen');
  await seesMovingPicture(ada, 'Guest');
  await seesMovingPicture(ben, 'Guest');
  await picturesMove(old, 2);
  assert.deepEqual(await old.evaluate(() => globalThis.sent), { __join: 1, __offer: 2 }, 'one offer to each settles it');
});

test('a SkyRTC client and a page without devices', async (t) => {
  const { join, visit } = await stage(t);
  const ada = await join('Ada', 'kitchen', { permissions: [] });
  await skyRtcClient(await visit(), 'kitchen');
  await seesMovingPicture(ada, 'Guest');
});

test('writing in a room with a SkyRTC client reaches the others', async (t) => {
  const { join, visit } = await stage(t);
  await skyRtcClient(await visit(), 'kitchen');
  const ada = await join('Ada', 'kitchen');
  const ben = await join('Ben', 'kitchen');
  await seesMovingPicture(ada, 'Guest');
  await ada.getByRole('textbox', { name: 'Message' }).fill('hello');
  await ada.getByRole('button', { name: 'Send' }).click();
  await ben.getByRole('listitem').filter({ hasText: 'hello' }).waitFor();
  assert.equal(await ada.getByText('could not be sent').count(), 0);
});

test('a SkyRTC client that closes its page is gone', async (t) => {
  const { join, visit } = await stage(t);
  const ada = await join('Ada', 'kitchen');
  const old = await skyRtcClient(await visit(), 'kitchen');
  await tileOf(ada, 'Guest').waitFor();
  await old.close();
  await tileOf(ada, 'Guest').waitFor({ state: 'detached' });
});

/** Does what the 2014 client does, with today's RTCPeerConnection. */
async function skyRtcClient(page, room) {
  await page.evaluate(async (room) => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    const connections = new Map();
    const videos = (globalThis.videos = new Map());
    const sent = (globalThis.sent = {});
    const socket = new WebSocket(`ws://${location.host}/`);

    const send = (eventName, data) => {
      if (eventName !== '__ice_candidate') sent[eventName] = (sent[eventName] ?? 0) + 1;
      socket.send(JSON.stringify({ eventName, data }));
    };

    const connect = (socketId) => {
      const pc = new RTCPeerConnection();
      connections.set(socketId, pc);
      pc.onicecandidate = ({ candidate }) => {
        if (candidate) send('__ice_candidate', { label: candidate.sdpMLineIndex, candidate: candidate.candidate, socketId });
      };
      pc.ontrack = ({ streams: [remote] }) => {
        const video = videos.get(socketId) ?? document.createElement('video');
        videos.set(socketId, video);
        Object.assign(video, { srcObject: remote, autoplay: true, muted: true });
      };
      for (const track of stream.getTracks()) pc.addTrack(track, stream);
      return pc;
    };

    const handlers = {
      async _peers({ connections: ids }) {
        for (const socketId of ids) {
          const pc = connect(socketId);
          const sdp = await pc.createOffer();
          await pc.setLocalDescription(sdp);
          send('__offer', { sdp, socketId });
        }
      },
      _new_peer: ({ socketId }) => connect(socketId),
      _remove_peer: ({ socketId }) => connections.get(socketId).close(),
      async _offer({ socketId, sdp: offer }) {
        const pc = connections.get(socketId);
        await pc.setRemoteDescription(offer);
        const sdp = await pc.createAnswer();
        await pc.setLocalDescription(sdp);
        send('__answer', { socketId, sdp });
      },
      _answer: ({ socketId, sdp }) => connections.get(socketId).setRemoteDescription(sdp),
      _ice_candidate: ({ socketId, candidate, sdpMLineIndex }) => connections.get(socketId).addIceCandidate({ candidate, sdpMLineIndex }),
    };

    const joined = new Promise((resolve) => {
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        handlers[message.eventName](message.data);
        if (message.eventName === '_peers') resolve();
      };
    });
    socket.onopen = () => send('__join', { room });
    await joined;
  }, room);
  return page;
}

/** Waits until so many remote videos play. */
function picturesMove(page, count) {
  return page.waitForFunction((count) => {
    const playing = [...globalThis.videos.values()].filter((video) => video.getVideoPlaybackQuality().totalVideoFrames > 5);
    return playing.length === count;
  }, count);
}
