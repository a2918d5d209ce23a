#!lua
-- Enters a room.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node, info (JSON), capacity, link, and of a session that can be resumed: the key's hash, window (ms)
-- Answer  a snapshot { version, id, info, joined, away, … }, or 'full', or why an operator ended it, or 'no lease'
-- Cost    O(members): a look-up and a publish each
-- Fence   the node's lease, and its link: the latest. Done again after a lost answer, it answers with the room as it is by then.
local room, sid, node, info, capacity, link = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local key, window = ARGV[7], ARGV[8]
if not may_speak(node, link) then return 'no lease' end
if is_owner(sid, node, '0') then return snapshot(room, sid) end
-- It was in before, and its node hasn't heard that: it is asked again.
local reason = why_gone(sid)
if reason ~= 0 then return reason end
local members = redis.call('SMEMBERS', at .. 'r:' .. room)
if #members >= capacity then return 'full' end
local version = next_version(room)
if #members == 0 then redis.call('PERSIST', at .. 'rv:' .. room) end
tell_joined(#members, room, sid, node, info, version)
open_mailbox(at .. 'q:' .. sid .. ':' .. room)
redis.call('SADD', at .. 'n:' .. node, sid)
redis.call('ZREM', at .. 'dt', sid)
redis.call('ZADD', at .. 'rooms', 0, room)
redis.call('SADD', at .. 'r:' .. room, sid)
if key then redis.call('HSET', at .. 's:' .. sid, 'k', key, 'w', window, 'l', lives()) end
redis.call('HSET', at .. 's:' .. sid, 'room', room, 'node', node, 'info', info, 'v', version)
announce(members, room, 'J' .. version .. ' ' .. sid .. info)
return snapshot(room, sid)
