/* Clients that are not ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roomsPage } from './rooms.mjs';

test('what other clients send as candidates and descriptions is understood', async (t) => {
  const page = await roomsPage(t);
  const { errors, answer } = await page.evaluate(async () => {
    const { sdk, stranger, next } = globalThis;
    const room = new sdk.Room({ room: 'kitchen' });
    await room.join();
    const errors = [];
    room.on('error', (error) => errors.push(String(error.cause)));
    const { heard, send, socket } = await stranger();
    const pc = new RTCPeerConnection();
    pc.addTransceiver('audio');
    await pc.setLocalDescription();
    const to = (data) => ({ socketId: room.id, ...data });
    send('ice_candidate', to({ candidate: null }));
    send('ice_candidate', to({ candidate: 'garbage', sdpMid: '0' }));
    send('offer', to({ sdp: { type: 'answer', sdp: pc.localDescription.sdp } }));
    send('ice_candidate', to({ candidate: null, sdpMid: null, sdpMLineIndex: null }));
    send('ice_candidate', to({ candidate: '', sdpMid: '0', sdpMLineIndex: 0 }));
    send('ice_candidate', to({}));
    const changed = next(room, 'peerinfo');
    send('info', { info: 'the last thing to arrive' });
    await changed;
    while (!heard.some(({ eventName }) => eventName === 'answer')) {
      await new Promise((resolve) => socket.addEventListener('message', resolve, { once: true }));
    }
    return { errors, answer: heard.find(({ eventName }) => eventName === 'answer').data.sdp.type };
  });
  assert.equal(errors.length, 1, errors.join('\n'));
  assert.equal(answer, 'answer');
});
