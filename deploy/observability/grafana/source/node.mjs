/* "Node": what each node has to do, and what it takes for that. */
import { AMBER, chart, chosen, dashboard, GREEN, query, rate, RED, row, sum, tile } from './panels.mjs';

const each = (metric, ...matchers) => query(sum(chosen(metric, ...matchers), ['instance']), '{{instance}}');
const eachRate = (metric, ...matchers) => query(sum(rate(chosen(metric, ...matchers)), ['instance']), '{{instance}}');

export default dashboard({
  uid: 'switchboard-node',
  title: 'Switchboard / Node',
  description: 'What each node has to do, and what it takes for that. Choose nodes on top.',
  perNode: true,
  rows: [
    row('Now',
      tile('Answer', 'Nodes that Prometheus reaches, of those chosen.', sum(chosen('up')), { steps: [RED, [1, GREEN]] }),
      tile('Drain', 'Nodes that send their clients elsewhere, to end. Well: 0, but in a deployment.', sum(chosen('switchboard_draining')), { steps: [GREEN, [1, AMBER]] }),
      tile('Versions', 'Different versions among the nodes. Well: 1, but in a deployment.', `count(count by (version) (${chosen('switchboard_build_info')}))`, { steps: [GREEN, [2, AMBER]] }),
      tile('Youngest', 'Since the node that started last did.', `min(time() - ${chosen('process_start_time_seconds')})`, { unit: 's' }),
      tile('Oldest lease', 'Since a node renewed the lease that it renewed the longest ago. Well: a second or two; at --lease (6 s) the others take its sessions.', 'max(instance:switchboard_redis_lease_age_seconds:max{namespace=~"$namespace",instance=~"$instance"})', { unit: 's', steps: [GREEN, [3, AMBER], [6, RED]], noValue: 'no Redis' }),
      tile('Sockets of the fullest', 'A node closes who is one too many (--max-sockets, 10,000) with 1013.', `max(${chosen('switchboard_sockets')})`),
      tile('Files', 'Open files, of those that the process may have: the fullest node. At 100 % nobody can connect.', `max(${chosen('process_open_fds')} / ${chosen('process_max_fds')})`, { unit: 'percentunit', decimals: 1, steps: [GREEN, [0.8, AMBER], [0.95, RED]] }),
      tile('Keys of tokens', 'Readings of --auth-jwks that failed within the last half hour. Well: 0; the old keys stay meanwhile.', `sum(increase(${chosen('switchboard_auth_key_reads_total', 'outcome="failed"')}[30m]))`, { decimals: 0, steps: [GREEN, [1, AMBER]] })),
    row('What it takes',
      chart('CPU', 'Cores kept busy, over five minutes. Well: even over the nodes.', [query(sum(`rate(${chosen('process_cpu_seconds_total')}[5m])`, ['instance']), '{{instance}}')], { unit: 'none', decimals: 2, axis: 'cores' }),
      chart('Memory', 'Resident. Well: some MiB, and some KiB for each socket; it doesn\'t grow while sockets don\'t.', [each('process_resident_memory_bytes')], { unit: 'bytes' }),
      chart('Open files', 'One for each socket, and some. How many there may be is in the tile above.', [each('process_open_fds')], { unit: 'none' })),
    row('What it does',
      chart('Sockets', 'Open WebSockets.', [each('switchboard_sockets')], { unit: 'none' }),
      chart('Frames received', 'From clients. One client may send 100 a second.', [eachRate('switchboard_frames_received_total')], { unit: 'cps' }),
      chart('Frames sent', 'To clients.', [eachRate('switchboard_frames_sent_total')], { unit: 'cps' }),
      chart('Joins', 'All joins, however they ended. Well: even over the nodes.', [eachRate('switchboard_joins_total')], { unit: 'cps' }),
      chart('Bytes received', 'Payloads of frames from clients.', [eachRate('switchboard_received_bytes_total')], { unit: 'binBps' }),
      chart('Bytes sent', 'Payloads of frames to clients; close to what Redis sends to this node. Above 5 MB a second see docs/operations.md, client-output-buffer-limit.', [eachRate('switchboard_sent_bytes_total')], { unit: 'binBps' })),
    row('What ends',
      chart('Closes', 'Connections that ended, by close code: bye by the client, lost without a word, the others by the node.', [query(sum(rate(chosen('switchboard_closes_total')), ['reason']), '{{reason}}')], { unit: 'cps' }),
      chart('Lost', 'Connections that broke without a word. A step on all nodes at once is a network or a load balancer.', [eachRate('switchboard_closes_total', 'reason="lost"')], { unit: 'cps' }),
      chart('Requests to the admin API', 'By the class of the answer. 4xx may be somebody who tries tokens.', [query(sum(rate(chosen('switchboard_admin_requests_total')), ['status']), '{{status}}')], { unit: 'reqps' })),
  ],
});
