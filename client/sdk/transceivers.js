/**
 * Sends a track on a transceiver that the other side sends on too, if there is one: at a join one
 * offer and one answer then settle everything.
 *
 * @param {RTCPeerConnection} pc
 * @param {MediaStreamTrack} track
 * @param {MediaStream} stream
 * @returns {RTCRtpTransceiver}
 */
export function shareTransceiver(pc, track, stream) {
  if (pc.getSenders().some((sender) => sender.track === track)) return addTransceiver(pc, track, stream);
  const sender = pc.addTrack(track, stream);
  const transceiver = pc.getTransceivers().find((candidate) => candidate.sender === sender);
  return /** @type {RTCRtpTransceiver} */ (transceiver);
}

/**
 * Sends a track on a transceiver of its own, which can be stopped when the track is no longer sent:
 * its media section is then used again, and descriptions don't grow with every publish. (Sending
 * something else on an idle transceiver would be nearer, but Chromium forgets `setStreams`.)
 *
 * @param {RTCPeerConnection} pc
 * @param {MediaStreamTrack} track
 * @param {MediaStream} stream
 * @returns {RTCRtpTransceiver}
 */
export function addTransceiver(pc, track, stream) {
  return pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
}

/**
 * @param {RTCPeerConnection} pc
 * @param {RTCRtpTransceiver} transceiver
 */
export function stopSending(pc, transceiver) {
  if (transceiver.currentDirection === 'stopped') return; // the other side refused it
  const isShared = transceiver.direction === 'sendrecv';
  transceiver.sender.replaceTrack(null).catch(() => {}); // in Firefox, when it is stopped in the same breath
  transceiver.direction = isShared ? 'recvonly' : 'inactive';
  if (!isShared) stopOnceNegotiated(pc, transceiver);
}

/**
 * Chromium asks for negotiation for ever when a transceiver is stopped that no description has settled:
 * one that is taken back at once, or whose offer was rolled back.
 *
 * @param {RTCPeerConnection} pc
 * @param {RTCRtpTransceiver} transceiver
 */
function stopOnceNegotiated(pc, transceiver) {
  const stopIfNegotiated = () => {
    if (transceiver.currentDirection === null) return;
    pc.removeEventListener('signalingstatechange', stopIfNegotiated);
    transceiver.stop();
  };
  pc.addEventListener('signalingstatechange', stopIfNegotiated);
  stopIfNegotiated();
}
