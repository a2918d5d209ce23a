#!lua flags=allow-oom
-- Removes some of the sessions of a node that let its lease lapse.
-- KEYS[1] the partition's prefix
-- ARGV    the dead node, how many at most
-- Answer  { removed, left }: {0, 0} once there is nothing (any more) to reap
-- Cost    O(sessions removed x members of their rooms)
-- Fence   the lease has lapsed by Redis time. However many nodes reap, each session is removed once.
local node, most = ARGV[1], tonumber(ARGV[2])
if holds_lease(node) then return { 0, 0 } end
local sids = redis.call('SRANDMEMBER', at .. 'n:' .. node, most)
for _, sid in ipairs(sids) do
  local room = redis.call('HGET', at .. 's:' .. sid, 'room')
  if room then
    remove(sid, room, node, 'lost')
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
