#!lua flags=allow-oom
-- Takes a session up, from whichever node had it, and tells that one.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node, attachment (attempt, `.` and the connection's number), link, the hashes of the key that the client has and of the next one, and what the client
--         had: sender, number, …
-- Answer  { snapshot, mailbox, info, window (ms) }; or 'expired', where there is no such session, the key is another, or a later
--         attempt has it; or 'no lease'
-- Cost    O(members + messages)
-- Fence   the node's lease and its latest link; the key; the attempt. Done again after a lost answer, it answers again.
-- A key is good until the next one was used: the answer that told the next one may have been lost. Keys are compared as hashes,
-- and Lua compares strings by their addresses: the time tells nothing.
local room, sid, node, attachment, link, key, next_key = unpack(ARGV, 1, 7)
if not may_speak(node, link) then return 'no lease' end
local session, mailbox = at .. 's:' .. sid, at .. 'q:' .. sid .. ':' .. room
local was = redis.call('HMGET', session, 'room', 'node', 'a', 'k', 'k2', 'info', 'w')
if was[1] ~= room or not was[4] then return 'expired' end
local is_done = was[2] == node and was[3] == attachment and was[4] == key and was[5] == next_key
if not is_done then
  if key == '' or (key ~= was[4] and key ~= was[5]) or attempt_of(attachment) <= attempt_of(was[3]) then
    return 'expired'
  end
  redis.call('SPUBLISH', mailbox, 'T' .. attempt_of(attachment))
  if was[2] == '' then
    announce(redis.call('SMEMBERS', at .. 'r:' .. room), room, 'B' .. next_version(room) .. ' ' .. sid)
  end
  redis.call('SREM', at .. 'n:' .. was[2], sid)
  redis.call('SADD', at .. 'n:' .. node, sid)
  redis.call('ZREM', at .. 'dt', sid)
  redis.call('HSET', session, 'node', node, 'a', attachment, 'k', key, 'k2', next_key)
end
forget(mailbox, had_from(ARGV, 7))
return { snapshot(room, sid), redis.call('LRANGE', mailbox, 0, -1), was[6], was[7] }
