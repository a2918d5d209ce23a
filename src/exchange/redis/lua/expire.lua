#!lua flags=allow-oom
-- Removes some of the sessions that nobody resumed in time.
-- KEYS[1] the partition's prefix
-- ARGV    how many at most
-- Answer  { removed, left }
-- Cost    O(sessions removed x members of their rooms)
-- Fence   the window is over by Redis time, no node has the session, and nobody is gathering.
if is_gathering() then return { 0, 0 } end
local most = tonumber(ARGV[1])
local sids = redis.call('ZRANGEBYSCORE', at .. 'dt', '-inf', now(), 'LIMIT', 0, most)
for _, sid in ipairs(sids) do
  local session = redis.call('HMGET', at .. 's:' .. sid, 'room', 'node')
  if session[2] == '' then
    remove(sid, session[1], '', 'lost')
  else
    redis.call('ZREM', at .. 'dt', sid)
  end
end
return { #sids, #sids == most and 1 or 0 }
