#!lua flags=allow-oom
-- Asks who is there, and for what was sent meanwhile.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node
-- Answer  { snapshot, mailbox }, or nil where the session is not there any more.
--         snapshot is { version, id, info, joined, … }; mailbox begins with its sentinel.
-- Cost    O(members + messages)
-- Fence   the session is the node's own.
local room, sid, node = ARGV[1], ARGV[2], ARGV[3]
if not is_owner(sid, node) then return nil end
return { snapshot(room, sid), redis.call('LRANGE', at .. 'q:' .. sid .. ':' .. room, 0, -1) }
