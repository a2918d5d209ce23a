#!lua flags=allow-oom
-- Leaves a room.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node, attachment, reason (left | lost)
-- Answer  1, or 0 where it is not there any more, or not this connection's
-- Cost    O(members): a publish each
-- Fence   the session is the node's own, through this connection, or was until it was set aside; once removed, by whomever,
--         it stays so.
local room, sid, node, attachment, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if not is_owner(sid, node, attachment) and not is_owner(sid, '', attachment) then return 0 end
remove(sid, room, node, reason)
return 1
