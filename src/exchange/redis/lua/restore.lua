#!lua flags=allow-oom
-- Registers a session again, as its node knows it, where Redis lost it or knows an older state of it.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node, attachment, info (JSON), link, and of a session that can be resumed: the hash of the key that its
--         client used last, or has; of the one that it was told since, or ''; window (ms)
-- Answer  1: it is there; 2: it is there again; 0: it was removed, or it is too late; -1: another connection has it;
--         or why an operator ended it; or 'no lease'
-- Cost    O(members): a publish each, where it was lost
-- Fence   the node's lease and its latest link. Who is missing comes back only while all are gathering: afterwards the others
--         have been told that it is lost.
local room, sid, node, attachment, info, link, key, next_key, window = unpack(ARGV, 1, 9)
if not may_speak(node, link) then return 'no lease' end
local session = at .. 's:' .. sid
local was = redis.call('HMGET', session, 'node', 'a', 'info')
if was[1] == node and (was[2] or '0') == attachment and was[3] == info then
  redis.call('SADD', at .. 'n:' .. node, sid)
  return 1
end
if was[1] and attempt_of(was[2]) > attempt_of(attachment) then return -1 end
local reason = why_gone(sid)
if reason ~= 0 then return reason end
if was[1] ~= node and not is_gathering() then return 0 end
local members = redis.call('SMEMBERS', at .. 'r:' .. room)
local version = next_version(room)
if #members == 0 then redis.call('PERSIST', at .. 'rv:' .. room) end
-- Its joining may have been told before, by the data that was lost.
if not was[1] then tell_joined(#members, room, sid, node, info, version, 'restored', '1') end
open_mailbox(at .. 'q:' .. sid .. ':' .. room)
redis.call('SADD', at .. 'n:' .. node, sid)
redis.call('ZADD', at .. 'rooms', 0, room)
redis.call('SADD', at .. 'r:' .. room, sid)
redis.call('ZREM', at .. 'dt', sid)
if was[1] and was[1] ~= node then redis.call('SREM', at .. 'n:' .. was[1], sid) end
if key then redis.call('HSET', session, 'a', attachment, 'k', key, 'k2', next_key, 'w', window, 'l', lives()) end
redis.call('HSET', session, 'room', room, 'node', node, 'info', info, 'v', version)
-- To who knows it, its coming is no news; its being back, or what it shows, may be.
local news = { [''] = 'B' .. version .. ' ' .. sid, [node] = 'I' .. version .. ' ' .. sid .. info }
announce(members, room, news[was[1] or 0] or 'J' .. version .. ' ' .. sid .. info)
return 2
