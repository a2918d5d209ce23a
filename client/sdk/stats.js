/** @import { PeerStats } from './types.js' */
/** @typedef {{ get(id: string): any, values(): Iterable<any> }} Report an RTCStatsReport: entries that name each other by id */

/** Whoever asks sooner after somebody else is told of the same time. */
const SHORTEST_MS = 250;

/** Makes figures of the reports of one connection, which count from its beginning. */
export class Meter {
  /** What is compared with, and the next that will be.
   * @type {{ report: Report, at: number }} */
  #before = { report: new Map(), at: performance.now() };
  #last = this.#before;

  /** @param {Report} report */
  read(report) {
    const at = performance.now();
    if (at - this.#last.at >= SHORTEST_MS) [this.#before, this.#last] = [this.#last, { report, at }];
    return statsOf(report, this.#before.report, (at - this.#before.at) / 1000);
  }
}

/**
 * @param {Report} report
 * @param {Report} before an earlier one
 * @param {number} seconds from that one to this
 * @returns {PeerStats}
 */
export function statsOf(report, before, seconds) {
  const [inbound, pairs] = [entriesOf(report, 'inbound-rtp'), entriesOf(report, 'candidate-pair')];
  /** @param {any[]} entries @param {string} field */
  const gain = (entries, field) => entries.reduce((sum, entry) => sum + gainOf(entry, before.get(entry.id), field), 0);
  /** @param {string} field */
  const kbps = (field) => Math.round(gain(pairs, field) / 125 / seconds);
  const lost = gain(inbound, 'packetsLost');
  const sent = gain(inbound, 'packetsReceived') + lost;
  const { local, remote, rtt } = wayOf(report);
  return {
    route: remote === 'relay' ? remote : local,
    rttMs: rtt && Math.round(rtt * 1000),
    kbpsIn: kbps('bytesReceived'),
    kbpsOut: kbps('bytesSent'),
    packetLoss: sent > 0 ? lost / sent : undefined,
    video: largestPicture(inbound),
  };
}

/**
 * Whether a TURN server of ours is on the way.
 *
 * @param {Report} report
 */
export function usesOwnRelay(report) {
  return wayOf(report).local === 'relay';
}

/**
 * The kinds of the candidates in use, if there are any.
 *
 * @param {Report} report
 */
function wayOf(report) {
  const [transport] = entriesOf(report, 'transport');
  const pair = report.get(transport?.selectedCandidatePairId);
  /** @param {string} id */
  const kindOf = (id) => report.get(id)?.candidateType;
  return { local: kindOf(pair?.localCandidateId), remote: kindOf(pair?.remoteCandidateId), rtt: pair?.currentRoundTripTime };
}

/**
 * @param {Report} report
 * @param {string} type
 */
function entriesOf(report, type) {
  return [...report.values()].filter((entry) => entry.type === type);
}

/**
 * Never below zero: a packet that was counted as lost may still come.
 *
 * @param {any} now
 * @param {any} before
 * @param {string} field
 */
function gainOf(now, before, field) {
  return Math.max(0, (now[field] ?? 0) - (before?.[field] ?? 0));
}

/** @param {any[]} inbound */
function largestPicture(inbound) {
  return inbound
    .filter(({ framesPerSecond }) => framesPerSecond > 0)
    .map(({ frameWidth: width, frameHeight: height, framesPerSecond }) => ({ width, height, fps: Math.round(framesPerSecond) }))
    .sort((a, b) => b.width * b.height - a.width * a.height)[0];
}
