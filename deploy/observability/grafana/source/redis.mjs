/* "Redis path": the way of a message from node to node, and Redis in the middle of it. */
import { AMBER, chart, chosen, dashboard, GREEN, heatmap, quantile, query, rate, RED, redis, row, sum, tile } from './panels.mjs';

const each = (metric) => query(sum(chosen(metric), ['instance']), '{{instance}}');
const PROBES = chosen('switchboard_redis_probe_duration_seconds_bucket');
const COMMANDS = chosen('switchboard_redis_command_duration_seconds_bucket');
const LEASE_AGE = 'instance:switchboard_redis_lease_age_seconds:max{namespace=~"$namespace",instance=~"$instance"}';

export default dashboard({
  uid: 'switchboard-redis',
  title: 'Switchboard / Redis path',
  description: 'How messages come from node to node, and how Redis is. Nodes with their rooms in memory have none of it.',
  perNode: true,
  rows: [
    row('Now',
      tile('Nodes cut off', 'Nodes whose oldest lease wasn\'t renewed for 10 s. Well: 0.', `count(${LEASE_AGE} > 10) or vector(0)`, { steps: [GREEN, [1, RED]] }),
      tile('Message, p99', 'From publishing a probe to hearing it. Well: some milliseconds.', quantile(0.99, PROBES), { unit: 's', steps: [GREEN, [0.05, AMBER], [0.25, RED]], noValue: 'no Redis' }),
      tile('Command, p99', 'From sending a command to Redis to its answer. Well: some milliseconds.', quantile(0.99, COMMANDS), { unit: 's', steps: [GREEN, [0.05, AMBER], [0.25, RED]], noValue: 'no Redis' }),
      tile('Requests waiting', 'Of the node that has most. Well: a few; from 16,384 in a partition they are refused.', `max(${chosen('switchboard_redis_requests_waiting')})`, { steps: [GREEN, [1000, AMBER], [8000, RED]] }),
      tile('Memory', 'Of maxmemory, the fullest Redis. When it is full nobody joins.', `max(${redis('redis_memory_used_bytes')} / (${redis('redis_memory_max_bytes')} > 0))`, { unit: 'percentunit', decimals: 1, steps: [GREEN, [0.7, AMBER], [0.9, RED]], noValue: 'no maxmemory' }),
      tile('Busy', 'Share of the time that Redis\' one thread for commands works: the busiest Redis. Above 70 % everything comes late.', `max(${rate(redis('redis_cpu_user_main_thread_seconds_total'))} + ${rate(redis('redis_cpu_sys_main_thread_seconds_total'))})`, { unit: 'percentunit', decimals: 1, steps: [GREEN, [0.5, AMBER], [0.7, RED]] }),
      tile('Evicted', 'Keys that Redis threw away since it started. Well: 0; anything else takes members out of their rooms.', `sum(${redis('redis_evicted_keys_total')})`, { steps: [GREEN, [1, RED]] }),
      tile('Gaps', 'Sessions of the last hour that were told that messages may be lost. Well: 0; a restart or a failover of Redis tells all.', `sum(increase(${chosen('switchboard_gaps_total')}[1h]))`, { decimals: 0, steps: [GREEN, [1, AMBER]] })),
    row('How late',
      heatmap('Messages', 'From publishing a probe to hearing it; one a second for each link. Well: dark below 10 ms.', PROBES),
      chart('Messages, by node', 'p99 of each node. One node that is late has too little CPU, or a bad way to Redis; all at once is Redis.', [query(quantile(0.99, PROBES, ['instance']), '{{instance}}')], { unit: 's' }),
      chart('Age of the lease', 'Of each node\'s oldest. Well: a second or two, scraped. Dashed: the others take its sessions (--lease).', [query(LEASE_AGE, '{{instance}}')], { unit: 's', steps: [GREEN, [6, RED]] }),
      heatmap('Commands', 'From sending a command, in a batch, to its answer.', COMMANDS),
      chart('Commands, by kind', 'p99 of each kind.', [query(`${quantile(0.99, COMMANDS, ['kind'])} >= 0`, '{{kind}}')], { unit: 's' }),
      chart('Requests waiting', 'Without an answer yet. Well: near zero.', [each('switchboard_redis_requests_waiting')], { unit: 'none' })),
    row('How much',
      chart('Commands', 'What nodes ask of Redis. A beat a second for each partition and node; a post is a message.', [query(sum(rate(chosen('switchboard_redis_command_duration_seconds_count')), ['kind']), '{{kind}}')], { unit: 'cps', stacked: true }),
      chart('Commands in a write', 'On average. It grows with the load: that is what keeps Redis cheap.', [query(`${sum(rate(chosen('switchboard_redis_batch_commands_sum')), ['instance'])} / ${sum(rate(chosen('switchboard_redis_batch_commands_count')), ['instance'])}`, '{{instance}}')], { unit: 'none', decimals: 1 }),
      chart('Links', 'Links to Redis servers that are up. Well: even and steady.', [each('switchboard_redis_links')], { unit: 'none' })),
    row('What breaks',
      chart('Links lost', 'By reason. deaf and silent: a slow Redis or a paused node. closed: Redis ended it, as at a restart or when too much waited for a node.', [query(sum(rate(chosen('switchboard_redis_link_losses_total')), ['reason']), '{{reason}}')], { unit: 'cps' }),
      chart('Repairs', 'Snapshots that sessions asked for, and what they were told by them. Well: as many as sessions that come back, which are told so what they missed; many more after a link broke.', [
        query(sum(rate(chosen('switchboard_syncs_total'))), 'snapshots'),
        query(sum(rate(chosen('switchboard_sync_repairs_total')), ['kind']), '{{kind}}'),
        query(sum(rate(chosen('switchboard_redis_resubscriptions_total'))), 'channels subscribed again'),
      ], { unit: 'cps' }),
      chart('Lost and disputed', 'gaps: sessions told that messages may be lost. restored and ghost: sessions that a node and Redis disagreed on. refused: too many waited. Well: zero.', [
        query(sum(rate(chosen('switchboard_gaps_total'))), 'gaps'),
        query(sum(rate(chosen('switchboard_audit_repairs_total')), ['kind']), '{{kind}}'),
        query(sum(rate(chosen('switchboard_redis_requests_refused_total'))), 'refused'),
      ], { unit: 'cps' })),
    row('Redis itself',
      chart('Memory', 'Used, and maxmemory. Well: half of it is free.', [query(redis('redis_memory_used_bytes'), 'used {{instance}}'), query(redis('redis_memory_max_bytes'), 'maxmemory {{instance}}')], { unit: 'bytes' }),
      chart('Busy', 'Share of the time that the thread for commands works.', [query(`${rate(redis('redis_cpu_user_main_thread_seconds_total'))} + ${rate(redis('redis_cpu_sys_main_thread_seconds_total'))}`, '{{instance}}')], { unit: 'percentunit', steps: [GREEN, [0.7, RED]] }),
      chart('Commands', 'As Redis counts them, those in scripts included: some ten for a join, a few for a message.', [query(rate(redis('redis_commands_processed_total')), '{{instance}}')], { unit: 'cps' }),
      chart('Network', 'From Redis and to it.', [query(rate(redis('redis_net_output_bytes_total')), 'from {{instance}}'), query(rate(redis('redis_net_input_bytes_total')), 'to {{instance}}')], { unit: 'binBps' }),
      chart('Clients', 'Two for each node, some more where it sends webhooks, and the exporter\'s.', [query(redis('redis_connected_clients'), '{{instance}}')], { unit: 'none' }),
      chart('Largest output buffer', 'What waits for the slowest client of Redis. At 32 MB, or 8 MB for a minute, Redis closes the link of a node (client-output-buffer-limit pubsub).', [query(redis('redis_client_recent_max_output_buffer_bytes'), '{{instance}}')], { unit: 'bytes', steps: [GREEN, [8e6, RED]] })),
  ],
});
