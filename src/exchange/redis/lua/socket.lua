#!lua flags=allow-oom
-- Says where a member is.
-- KEYS[1] the partition's prefix
-- ARGV    sid
-- Answer  { room, node, or '' for who is away, 1 where it can be resumed or else 0, info }, or nothing where there is none
-- Cost    O(1)
local session = redis.call('HMGET', at .. 's:' .. ARGV[1], 'room', 'node', 'k', 'info')
if not session[1] then return {} end
return { session[1], session[2], session[3] and '1' or '0', session[4] or 'null' }
