/**
 * What the admin API answers, as far as this page reads it.
 *
 * @typedef {{ buckets: { le: number | string | null, count: number }[], count: number, sum: number }} Histogram
 *   Counts are cumulative, as in Prometheus: a bucket counts all that took `le` seconds or less.
 *
 * @typedef {object} AnsweringNode
 * @property {string} node
 * @property {boolean} self It is the one that was asked.
 * @property {true} answers
 * @property {string} version
 * @property {string} startedAt
 * @property {boolean} draining
 * @property {number} sockets
 * @property {number} members
 * @property {number} signals
 * @property {number} repairs
 * @property {number} limits
 * @property {Histogram} joinSeconds
 * @property {Histogram | null} redisSeconds
 * @property {number} memoryBytes
 * @property {string | null} health
 *
 * @typedef {{ node: string, self: boolean, answers: false }} SilentNode
 * @typedef {AnsweringNode | SilentNode} Node
 *
 * @typedef {{ room: string, members: number }} RoomSize
 * @typedef {{ rooms: RoomSize[], cursor: string | null, count: number | null }} RoomPage
 * @typedef {{ socketId: string, node: string | null, away: boolean, resumable: boolean, info?: unknown }} Member
 * @typedef {{ room: string, version: number, members: Member[] }} Room
 * @typedef {object} Socket
 * @property {string} socketId
 * @property {number} [ageSeconds] This and the following are there if the socket's node answers.
 * @property {string} [address]
 * @property {number} [sent]
 * @property {number} [received]
 * @property {number} [waiting]
 * @property {number} [waitingBytes]
 */

export {};
