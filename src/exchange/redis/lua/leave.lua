#!lua flags=allow-oom
-- Leaves a room.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node, reason (left | lost)
-- Answer  1, or 0 where it is not there any more
-- Cost    O(members): a publish each
-- Fence   the session is the node's own; once removed, by whomever, it stays so.
local room, sid, node, reason = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not is_owner(sid, node) then return 0 end
remove(sid, room, node, reason)
return 1
