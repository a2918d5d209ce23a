#!lua flags=allow-oom
-- Takes some sessions from a node that let its lease lapse: those that can be resumed are set aside, the others removed.
-- KEYS[1] the partition's prefix
-- ARGV    the dead node, how many at most, lease (ms): so long its clients have been without it
-- Answer  { taken, left }: {0, 0} once there is nothing (any more) to reap
-- Cost    O(sessions taken x members of their rooms)
-- Fence   the lease has lapsed by Redis time, and nobody is gathering. However many nodes reap, each session is taken once.
local node, most, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
if holds_lease(node) or is_gathering() then return { 0, 0 } end
local sids = redis.call('SRANDMEMBER', at .. 'n:' .. node, most)
for _, sid in ipairs(sids) do
  local session = redis.call('HMGET', at .. 's:' .. sid, 'room', 'node')
  if session[2] == node then
    set_aside(sid, session[1], node, lease)
  else
    redis.call('SREM', at .. 'n:' .. node, sid)
  end
end
local left = redis.call('SCARD', at .. 'n:' .. node)
if left == 0 then
  redis.call('ZREM', at .. 'nodes', node)
  redis.call('DEL', at .. 'l:' .. node)
end
return { #sids, left }
