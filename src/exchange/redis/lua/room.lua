#!lua flags=allow-oom
-- Says who is in a room, and where.
-- KEYS[1] the partition's prefix
-- ARGV    room
-- Answer  { version, sid, joining version, node, or '' for who is away, 1 where it can be resumed or else 0, info, … }
-- Cost    O(members)
-- Who is in the set and has no session is what a script left that broke off.
local answer = { redis.call('GET', at .. 'rv:' .. ARGV[1]) or '0' }
for _, sid in ipairs(redis.call('SMEMBERS', at .. 'r:' .. ARGV[1])) do
  local session = redis.call('HMGET', at .. 's:' .. sid, 'v', 'node', 'k', 'info')
  if session[2] then
    for _, word in ipairs({ sid, session[1] or '0', session[2], session[3] and '1' or '0', session[4] or 'null' }) do
      answer[#answer + 1] = word
    end
  end
end
return answer
