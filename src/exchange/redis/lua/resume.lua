#!lua flags=allow-oom
-- Takes a session up, from whichever node had it, and tells that one.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, node, attachment (attempt, `.` and the connection's number), link, the hashes of the key that the client
--         has and of the next one, and what the client had: sender, number, …
-- Answer  { snapshot, mailbox, info, window (ms), 1 where messages may be lost since it was last taken up, or else 0 };
--         or 'expired', where there is no such session, the key is another, or a later attempt has it; or 'no lease'
-- Cost    O(members + messages)
-- Fence   the node's lease and its latest link; the key; the attempt. Done again after a lost answer, it answers again.
-- A key is good until the next one was used: the answer that told the next one may have been lost. Keys are compared as hashes,
-- and Lua compares strings by their addresses: the time tells nothing.
local room, sid, node, attachment, link, key, next_key = unpack(ARGV, 1, 7)
if not may_speak(node, link) then return 'no lease' end
local session, mailbox = at .. 's:' .. sid, at .. 'q:' .. sid .. ':' .. room
local was = redis.call('HMGET', session, 'room', 'node', 'a', 'k', 'k2', 'info', 'w', 'l')
if was[1] ~= room or not was[4] then return 'expired' end
-- Asked again, it is done, unless the node was thought dead since and the session set aside.
local is_granted = was[3] == attachment and was[4] == key and was[5] == next_key and (was[2] == node or was[2] == '')
local is_known = key ~= '' and (key == was[4] or key == was[5])
if not is_granted and not (is_known and attempt_of(attachment) > attempt_of(was[3])) then return 'expired' end
if not is_granted or was[2] == '' then
  redis.call('SADD', at .. 'n:' .. node, sid)
  redis.call('ZREM', at .. 'dt', sid)
  redis.call('HSET', session, 'node', node, 'a', attachment, 'k', key, 'k2', next_key, 'l', lives())
  if was[2] ~= node then redis.call('SREM', at .. 'n:' .. was[2], sid) end
  -- As it was written: a number of Lua's would lose digits.
  redis.call('SPUBLISH', mailbox, 'T' .. string.match(attachment, '^%d+'))
  if was[2] == '' then
    announce(redis.call('SMEMBERS', at .. 'r:' .. room), room, 'B' .. next_version(room) .. ' ' .. sid)
  end
end
forget(mailbox, had_from(ARGV, 7))
return { snapshot(room, sid), redis.call('LRANGE', mailbox, 0, -1), was[6], was[7], was[8] == lives() and 0 or 1 }
