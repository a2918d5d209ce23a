#!lua flags=allow-oom
-- Asks who is there, and for what was sent meanwhile.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node, attachment
-- Answer  { snapshot, mailbox }; 1 where another connection has the session; or 0 where it is not there any more, or why an
--         operator ended it.
--         snapshot is { version, id, info, joined, away, … }; mailbox begins with its sentinel.
-- Cost    O(members + messages)
-- Fence   the session is the node's own, through this connection.
local room, sid, node, attachment = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if not is_owner(sid, node, attachment) then
  return attempt_of(redis.call('HGET', at .. 's:' .. sid, 'a')) > attempt_of(attachment) and 1 or why_gone(sid)
end
return { snapshot(room, sid), redis.call('LRANGE', at .. 'q:' .. sid .. ':' .. room, 0, -1) }
