#!lua flags=allow-oom
-- Says which sessions are a node's.
-- KEYS[1] the partition's prefix
-- ARGV    node
-- Answer  { sid, room, attachment, … }
-- Cost    O(sessions)
-- Fence   none: it takes out only what is nobody's.
-- An id without a session is what a script left that broke off.
local answer = {}
for _, sid in ipairs(redis.call('SMEMBERS', at .. 'n:' .. ARGV[1])) do
  local session = redis.call('HMGET', at .. 's:' .. sid, 'room', 'node', 'a')
  if session[2] == ARGV[1] then
    answer[#answer + 1] = sid
    answer[#answer + 1] = session[1]
    answer[#answer + 1] = session[3] or '0'
  else
    redis.call('SREM', at .. 'n:' .. ARGV[1], sid)
  end
end
return answer
