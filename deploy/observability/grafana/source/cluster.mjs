/* "Cluster": is it well? The first row says so; below it who is there, and what ails it. */
import { AMBER, BLUE, chart, dashboard, GREEN, nodes, quantile, query, rate, RED, row, sum, tile, timeline } from './panels.mjs';

const fired = (severity) => `ALERTS{alertname=~"Switchboard.+",alertstate="firing",severity="${severity}",namespace=~"$namespace"}`;
const firing = (severity) => `count(${fired(severity)}) or vector(0)`;
const recorded = (name) => `${name}{namespace=~"$namespace"}`;
const NODE = { title: 'Node', url: '/d/switchboard-node?${__url_time_range}' };
const REDIS = { title: 'Redis path', url: '/d/switchboard-redis?${__url_time_range}' };
const SESSIONS = { title: 'Sessions and calls', url: '/d/switchboard-sessions?${__url_time_range}' };

export default dashboard({
  uid: 'switchboard-cluster',
  title: 'Switchboard / Cluster',
  description: 'Is it well? All green on top: yes. What to do about an alert is in docs/runbook.md.',
  rows: [
    row('Is it well?',
      tile('Pages',
        'Alerts for which somebody should get up, now. Well: 0. The bars below name them.',
        firing('page'), { steps: [GREEN, [1, RED]] }),
      tile('Tickets', 'Alerts that can wait for a working day. Well: 0.', firing('ticket'), { steps: [GREEN, [1, AMBER]] }),
      tile('Nodes away',
        'Nodes that don\'t answer, of those that Prometheus knows. Well: 0; one for a moment while it is replaced.',
        `count(${nodes('up')} == 0) or vector(0)`, { steps: [GREEN, [1, AMBER], [2, RED]], link: NODE }),
      tile('Joins let in', 'Joins and resumes of the last five minutes that were not refused because rooms can\'t be reached. Well: 100 %. What is the client\'s own doing, such as a wrong token, is left out.',
        `min(1 - ${recorded('switchboard:joins_unavailable:ratio_rate5m')})`, { unit: 'percentunit', decimals: 2, steps: [RED, [0.9856, AMBER], [0.999, GREEN]], noValue: 'nobody joins', link: SESSIONS }),
      tile('Join, p99', 'Ninety-nine in a hundred are answered within this time. Well: some milliseconds; 250 ms is what is promised.',
        quantile(0.99, nodes('switchboard_join_duration_seconds_bucket')), { unit: 's', steps: [GREEN, [0.1, AMBER], [0.25, RED]], noValue: 'nobody joins', link: SESSIONS }),
      tile('Message by Redis, p99', 'How late what one node publishes comes to another. Well: some milliseconds.',
        `max(${recorded('switchboard:relay_delay_seconds:p99_rate5m')})`, { unit: 's', steps: [GREEN, [0.05, AMBER], [0.25, RED]], noValue: 'no Redis', link: REDIS }),
      tile('Nodes with Redis', 'Share of the nodes that renew their leases. Well: 100 %.',
        `min(1 - ${recorded('switchboard:nodes_without_redis:ratio')})`, { unit: 'percentunit', steps: [RED, [0.5, AMBER], [1, GREEN]], noValue: 'no Redis', link: REDIS }),
      tile('Places taken', 'Open sockets, of those that all nodes together may have (--max-sockets). Well: below 80 %, so that the others have room for the clients of a node that ends.',
        `max(${recorded('switchboard:sockets:sum')} / ${recorded('switchboard:sockets_limit:sum')})`, { unit: 'percentunit', decimals: 1, steps: [GREEN, [0.7, AMBER], [0.8, RED]], link: NODE }),
      timeline('Alerts', 'Which alerts fired when. Well: only the line "none".', [
        query(`max by (alertname) (${fired('ticket')} or 2 * ${fired('page')}) or on () label_replace(vector(0), "alertname", "none", "", "")`, '{{alertname}}'),
      ], {
        steps: [GREEN, [1, AMBER], [2, RED]],
        mappings: [{ type: 'value', options: { 0: { text: 'well', color: GREEN }, 1: { text: 'ticket', color: AMBER }, 2: { text: 'page', color: RED } } }],
      })),
    row('Traffic',
      chart('Sockets',
        'Open WebSockets of each node. Well: even, but for a while after a node was replaced.',
        [query(sum(nodes('switchboard_sockets'), ['instance']), '{{instance}}')], { unit: 'none', stacked: true }),
      chart('Joins and resumes', 'How often somebody comes in, or comes back. A deployment is a wave of resumes.', [
        query(sum(rate(nodes('switchboard_joins_total', 'outcome="joined"'))), 'joined'),
        query(sum(rate(nodes('switchboard_resumes_total', 'outcome="resumed"'))), 'resumed'),
      ], { unit: 'cps' }),
      chart('Signals',
        'Messages that clients hand in to be relayed. A call of two begins with an offer, an answer and some candidates.',
        [query(sum(rate(nodes('switchboard_signals_total')), ['kind']), '{{kind}}')], { unit: 'cps', stacked: true }),
      chart('Members',
        'Sockets that are in a room. Well: nearly all of them.',
        [query(sum(nodes('switchboard_sockets')), 'sockets'), query(sum(nodes('switchboard_members')), 'members')], { unit: 'none' }),
      chart('Bytes', 'Payloads of all frames. What is sent to the clients of one room is received once.', [
        query(sum(rate(nodes('switchboard_received_bytes_total'))), 'received'), query(sum(rate(nodes('switchboard_sent_bytes_total'))), 'sent'),
      ], { unit: 'binBps' }),
      chart('CPU',
        'Cores that each node keeps busy, over five minutes. Well: even.',
        [query(sum(`rate(${nodes('process_cpu_seconds_total')}[5m])`, ['instance']), '{{instance}}')],
        { unit: 'none', decimals: 2, axis: 'cores' })),
    row('Trouble',
      chart('Refused', 'Joins and resumes that were refused, and why. Well: no unavailable; the others are clients\' own doing.', [
        query(sum(`${rate(nodes('switchboard_joins_total', 'outcome!="joined"'))} or ${rate(nodes('switchboard_resumes_total', 'outcome!="resumed"'))}`, ['outcome']), '{{outcome}}'),
      ], { unit: 'cps' }),
      chart('Connections ended by us',
        'By close code. restart belongs to a deployment; overloaded is a node that is full; unavailable and internal are trouble.',
        [query(sum(rate(nodes('switchboard_closes_total', 'reason!~"bye|lost"')), ['reason']), '{{reason}}')], { unit: 'cps' }),
      chart('Limits met',
        'How often a limit was met. Well: seldom; see docs/limits.md.',
        [query(sum(rate(nodes('switchboard_limits_total')), ['limit']), '{{limit}}')], { unit: 'cps' }),
      chart('Error budget',
        'How fast a month\'s allowance of refused (0.1 %) and slow joins (1 %) is spent, over an hour: at 1 it lasts the month, at 14.4 (dashed) two days, and pages. Well: below 1.', [
          query(`max(${recorded('switchboard:joins_unavailable:ratio_rate1h')}) / 0.001`, 'unavailable'),
          query(`max(${recorded('switchboard:joins_slow:ratio_rate1h')}) / 0.01`, 'slower than 250 ms'),
        ], { unit: 'none', steps: [GREEN, [14.4, RED]] }),
      chart('Sessions', 'detached: the connection broke. resumed: it came back. expired: it didn\'t. taken: its node died. Well: as many come back as broke.', [
        query(sum(rate(nodes('switchboard_detached_total'))), 'detached'),
        query(sum(rate(nodes('switchboard_resumes_total', 'outcome="resumed"'))), 'resumed'),
        query(sum(rate(nodes('switchboard_expired_sessions_total'))), 'expired'),
        query(sum(rate(nodes('switchboard_reaped_sessions_total'))), 'taken'),
      ], { unit: 'cps' }),
      chart('Nodes', 'up: Prometheus reaches them. ready: HAProxy passes clients on to them; not there with another load balancer. Well: both as many as there should be.', [
        query(sum(nodes('up')), 'up'), query('max(haproxy_backend_active_servers{job="haproxy",proxy="nodes"})', 'ready'),
      ], { unit: 'none', decimals: 0 }),
      timeline('Drains and starts', 'A node drains before it ends, and is young for five minutes after it began.', [
        query(`2 * (${nodes('switchboard_draining')} == 1) or (time() - ${nodes('process_start_time_seconds')} < bool 300)`, '{{instance}}'),
      ], {
        steps: [GREEN, [1, BLUE], [2, AMBER]],
        mappings: [{ type: 'value', options: { 0: { text: 'serves', color: GREEN }, 1: { text: 'young', color: BLUE }, 2: { text: 'drains', color: AMBER } } }],
      })),
  ],
});
