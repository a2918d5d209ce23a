#!lua
-- Enters a room.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node, info (JSON), capacity, link
-- Answer  a snapshot { version, id, info, joined, … }, or 'full', or 'no lease'
-- Cost    O(members): a look-up and a publish each
-- Fence   the node's lease, and its link: the latest. Done again after a lost answer, it answers with the room as it is by then.
local room, sid, node, info, capacity, link = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
if not may_speak(node, link) then return 'no lease' end
if is_owner(sid, node) then return snapshot(room, sid) end
local members = redis.call('SMEMBERS', at .. 'r:' .. room)
if #members >= capacity then return 'full' end
local version = next_version(room)
if #members == 0 then redis.call('PERSIST', at .. 'rv:' .. room) end
redis.call('SADD', at .. 'r:' .. room, sid)
redis.call('HSET', at .. 's:' .. sid, 'room', room, 'node', node, 'info', info, 'v', version)
redis.call('RPUSH', at .. 'q:' .. sid .. ':' .. room, '')
redis.call('SADD', at .. 'n:' .. node, sid)
announce(members, room, 'J' .. version .. ' ' .. sid .. info)
return snapshot(room, sid)
