#!lua flags=allow-oom
-- Sends a member away for good, by an operator's will.
-- KEYS[1] the partition's prefix
-- ARGV    sid
-- Answer  1, or 0 where there is none
-- Cost    O(members): a publish each
-- Fence   none: whoever has the session is told, and can't register it again. Done again, it answers 0.
local sid = ARGV[1]
local session = redis.call('HMGET', at .. 's:' .. sid, 'room', 'node')
if not session[1] then return 0 end
dismiss(sid, session[1], 'kicked')
remove(sid, session[1], session[2], 'kicked')
return 1
