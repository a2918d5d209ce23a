/* A page of 2014, for the tests with its dialect. */

/** Does what the 2014 client does, with today's RTCPeerConnection. */
export async function skyRtcClient(page, room) {
  await page.evaluate(async (room) => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    const connections = (globalThis.connections = new Map());
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

    const offer = (globalThis.offer = async (socketId) => {
      const pc = connections.get(socketId);
      const sdp = await pc.createOffer();
      await pc.setLocalDescription(sdp);
      send('__offer', { sdp, socketId });
    });

    const handlers = {
      async _peers({ connections: ids }) {
        for (const socketId of ids) {
          connect(socketId);
          await offer(socketId);
        }
      },
      _new_peer: ({ socketId }) => connect(socketId),
      _remove_peer: ({ socketId }) => connections.get(socketId).close(),
      async _offer({ socketId, sdp: offer }) {
        const pc = connections.get(socketId);
        if (pc.signalingState !== 'stable') return; // browsers of 2014 knew of no rollback, and failed
        await pc.setRemoteDescription(offer);
        const sdp = await pc.createAnswer();
        await pc.setLocalDescription(sdp);
        send('__answer', { socketId, sdp });
      },
      _answer: ({ socketId, sdp }) => connections.get(socketId).setRemoteDescription(sdp),
      _ice_candidate: ({ socketId, candidate, sdpMLineIndex }) => connections.get(socketId).addIceCandidate({ candidate, sdpMLineIndex }),
    };

    const joined = new Promise((resolve) => {
      let turn = Promise.resolve(); // as the browser of 2014 took one description after the other
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        turn = turn.finally(() => handlers[message.eventName](message.data));
        if (message.eventName === '_peers') resolve();
      };
    });
    socket.onopen = () => send('__join', { room });
    await joined;
  }, room);
  return page;
}

/** Waits until so many remote videos play. */
export function picturesMove(page, count) {
  return page.waitForFunction((count) => {
    const playing = [...globalThis.videos.values()].filter((video) => globalThis.framesOf(video) > 5);
    return playing.length === count;
  }, count);
}
