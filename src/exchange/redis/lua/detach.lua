#!lua flags=allow-oom
-- Leaves a session without a connection, to be resumed. One that can't be is lost.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node, attachment
-- Answer  1, or 0 where it is not this connection's any more
-- Cost    O(members): a publish each
-- Fence   the session is the node's own, through this connection.
local room, sid, node, attachment = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not is_owner(sid, node, attachment) then return 0 end
set_aside(sid, room, node, 0)
return 1
