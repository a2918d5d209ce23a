#!lua flags=allow-oom
-- Sends some of a room's members away for good, by an operator's will.
-- KEYS[1] the partition's prefix
-- ARGV    room, how many at most
-- Answer  { removed, left }
-- Cost    O(members removed x members)
-- Fence   none: whoever has the sessions is told, and can't register them again.
-- Who is in the set and has no session is what a script left that broke off.
local room, most = ARGV[1], tonumber(ARGV[2])
local ended = {}
for _, sid in ipairs(redis.call('SRANDMEMBER', at .. 'r:' .. room, most)) do
  local session = redis.call('HMGET', at .. 's:' .. sid, 'room', 'node')
  if session[1] == room then
    -- All are told before the first is removed: who goes needn't hear who else does.
    dismiss(sid, room, 'closed')
    ended[#ended + 1] = { sid, session[2] }
  else
    redis.call('SREM', at .. 'r:' .. room, sid)
  end
end
for _, session in ipairs(ended) do remove(session[1], room, session[2], 'closed') end
local left = redis.call('SCARD', at .. 'r:' .. room)
if left == 0 then redis.call('ZREM', at .. 'rooms', room) end
return { #ended, left }
