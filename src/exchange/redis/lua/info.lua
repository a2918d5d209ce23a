#!lua
-- Changes what the others are shown of a member. It is told itself, too: so it learns the version.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node, attachment, info (JSON), link
-- Answer  1; 0 where it is not there any more, or not this connection's, or why an operator ended it; -1 without a lease, or
--         from an earlier link
-- Cost    O(members): a publish each; O(1) where they are shown this already
-- Fence   the session is the node's own, through this connection, and the link its latest.
local room, sid, node, attachment, info, link = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not is_owner(sid, node, attachment) then return why_gone(sid) end
if not may_speak(node, link) then return -1 end
if redis.call('HGET', at .. 's:' .. sid, 'info') == info then return 1 end
redis.call('HSET', at .. 's:' .. sid, 'info', info)
local members = redis.call('SMEMBERS', at .. 'r:' .. room)
announce(members, room, 'I' .. next_version(room) .. ' ' .. sid .. info)
return 1
