/* "Sessions and calls": who comes in, how long that takes, who comes back, what is said, and what back ends are told. */
import { AMBER, chart, chosen, dashboard, GREEN, heatmap, quantile, query, rate, RED, row, sum, tile } from './panels.mjs';

const JOINS = chosen('switchboard_join_duration_seconds_bucket');
const RESUMES = chosen('switchboard_resume_duration_seconds_bucket');
const total = (metric, ...matchers) => sum(rate(chosen(metric, ...matchers)));
const by = (label, metric, ...matchers) => query(sum(rate(chosen(metric, ...matchers)), [label]), `{{${label}}}`);

export default dashboard({
  uid: 'switchboard-sessions',
  title: 'Switchboard / Sessions and calls',
  description: 'Who comes in and comes back, how long that takes, what is said, and what back ends are told.',
  perNode: true,
  rows: [
    row('Now',
      tile('In rooms', 'Sockets that are in a room.', sum(chosen('switchboard_members'))),
      tile('Joins a second', 'Those that were let in.', total('switchboard_joins_total', 'outcome="joined"'), { decimals: 1 }),
      tile('Join, p99', 'From a join to its answer. Well: some milliseconds.', quantile(0.99, JOINS), { unit: 's', steps: [GREEN, [0.1, AMBER], [0.25, RED]], noValue: 'nobody joins' }),
      tile('Resume, p99', 'From a resume to its answer. Well: some milliseconds.', quantile(0.99, RESUMES), { unit: 's', steps: [GREEN, [0.1, AMBER], [0.25, RED]], noValue: 'nobody resumes' }),
      tile('Came back', 'Resumes of the last half hour that found their session. Well: most; who closed a laptop comes too late.', `sum(increase(${chosen('switchboard_resumes_total', 'outcome="resumed"')}[30m])) / (sum(increase(${chosen('switchboard_resumes_total', 'outcome=~"resumed|session_expired"')}[30m])) > 0)`, { unit: 'percentunit', decimals: 0, steps: [RED, [0.3, AMBER], [0.6, GREEN]], noValue: 'nobody resumes' }),
      tile('Offers a second', 'Each begins a connection between two, or changes one.', total('switchboard_signals_total', 'kind="offer"'), { decimals: 1 }),
      tile('Slow clients', 'Closed within the last half hour, as they read more slowly than others wrote. Well: few.', `sum(increase(${chosen('switchboard_closes_total', 'reason="slow_consumer"')}[30m]))`, { decimals: 0, steps: [GREEN, [10, AMBER]] }),
      tile('Webhooks waiting', 'Events that wait for the server that takes them. Well: few.', sum(chosen('switchboard_webhook_backlog')), { steps: [GREEN, [100, AMBER], [1000, RED]] })),
    row('Coming in',
      chart('Joins', 'By how they ended. Well: joined. unavailable is ours; the others are clients\' own doing.', [by('outcome', 'switchboard_joins_total')], { unit: 'cps', stacked: true }),
      heatmap('How long a join takes', 'From a join to its answer. Well: dark below 10 ms; 250 ms is what is promised.', JOINS),
      chart('Join', 'Half are answered within p50, all but one in a hundred within p99.', [query(quantile(0.5, JOINS), 'p50'), query(quantile(0.99, JOINS), 'p99')], { unit: 's' })),
    row('Coming back',
      chart('Resumes', 'Attempts to resume a session, by how they ended. session_expired came later than --resume-window; its client joins anew.', [by('outcome', 'switchboard_resumes_total')], { unit: 'cps', stacked: true }),
      chart('Sessions without a connection', 'detached: the connection broke. resumed: it came back. expired: it didn\'t. taken: its node died.', [
        query(total('switchboard_detached_total'), 'detached'), query(total('switchboard_resumes_total', 'outcome="resumed"'), 'resumed'),
        query(total('switchboard_expired_sessions_total'), 'expired'), query(total('switchboard_reaped_sessions_total'), 'taken'),
      ], { unit: 'cps' }),
      chart('Resume', 'Half are answered within p50, all but one in a hundred within p99.', [query(quantile(0.5, RESUMES), 'p50'), query(quantile(0.99, RESUMES), 'p99')], { unit: 's' })),
    row('What is said',
      chart('Signals', 'Messages handed in to be relayed. An offer, an answer and some candidates make a connection.', [by('kind', 'switchboard_signals_total')], { unit: 'cps', stacked: true }),
      chart('Answers to offers', 'Well: near 1, as each offer has an answer. Well below it, calls don\'t come about.', [query(`${total('switchboard_signals_total', 'kind="answer"')} / (${total('switchboard_signals_total', 'kind="offer"')} > 0)`, 'answers for an offer')], { unit: 'none', decimals: 2 }),
      chart('Errors', 'Answered to clients, by code; see docs/protocol.md. peer_gone is somebody who has just left; bad_message is a broken client; internal is a bug.', [by('code', 'switchboard_errors_total')], { unit: 'cps' })),
    row('Who doesn\'t behave',
      chart('Limits met', 'See docs/limits.md.', [by('limit', 'switchboard_limits_total')], { unit: 'cps' }),
      chart('Ended by us', 'Connections that a node closed, by close code.', [by('reason', 'switchboard_closes_total', 'reason!~"bye|lost"')], { unit: 'cps' }),
      chart('Ended by clients', 'bye: closed properly. lost: without a word.', [by('reason', 'switchboard_closes_total', 'reason=~"bye|lost"')], { unit: 'cps' })),
    row('What back ends are told',
      chart('Webhooks', 'delivered; retried: a request failed and is tried again; dropped: given up. Well: delivered.', [by('outcome', 'switchboard_webhook_deliveries_total')], { unit: 'cps', width: 6 }),
      chart('Webhooks waiting', 'Of the partitions that each node sends for. Well: few; it grows while the server doesn\'t take them.', [query(sum(chosen('switchboard_webhook_backlog'), ['instance']), '{{instance}}')], { unit: 'none', width: 6 }),
      chart('How long the server takes', 'To answer a webhook, all but one in a hundred.', [query(quantile(0.99, chosen('switchboard_webhook_duration_seconds_bucket')), 'p99')], { unit: 's', width: 6 }),
      chart('Never told', 'lost: pushed out by newer events. connections: for which there was no socket.connected.', [query(total('switchboard_webhook_lost_total'), 'lost'), query(total('switchboard_connections_untold_total'), 'connections')], { unit: 'cps', width: 6 })),
  ],
});
