#!lua flags=allow-oom
-- Lists some of the partition's rooms, in the order of their bytes.
-- KEYS[1] the partition's prefix
-- ARGV    the last room that was listed, or '', and how many at most
-- Answer  { room, members, … }: fewer than that only where there are no more
-- Cost    O(log rooms + rooms listed)
-- Fence   none: it takes out only what is nobody's.
-- A room without members is what a script left that broke off.
local after, most = ARGV[1], tonumber(ARGV[2])
local answer = {}
repeat
  local wanted = most - #answer / 2
  local first = after == '' and '-' or '(' .. after
  local names = redis.call('ZRANGEBYLEX', at .. 'rooms', first, '+', 'LIMIT', 0, wanted)
  for _, room in ipairs(names) do
    local members = redis.call('SCARD', at .. 'r:' .. room)
    if members == 0 then
      redis.call('ZREM', at .. 'rooms', room)
    else
      answer[#answer + 1] = room
      answer[#answer + 1] = members
    end
  end
  after = names[#names]
until #names < wanted or #answer == 2 * most
return answer
