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

/** @param {RTCRtpTransceiver} transceiver */
export function stopSending(transceiver) {
  if (transceiver.direction === 'sendonly') return transceiver.stop();
  transceiver.sender.replaceTrack(null);
  transceiver.direction = 'recvonly';
}
