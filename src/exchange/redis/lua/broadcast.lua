#!lua
-- Relays one message to all the others in a room.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid (the sender), message
-- Answer  the ids whose mailbox is full
-- Cost    O(members)
-- Fence   the sender is in the room.
local room, sid, message = ARGV[1], ARGV[2], ARGV[3]
local full = {}
if redis.call('SISMEMBER', at .. 'r:' .. room, sid) == 0 then return full end
for _, member in ipairs(redis.call('SMEMBERS', at .. 'r:' .. room)) do
  if member ~= sid and post(at .. 'q:' .. member .. ':' .. room, message) == -1 then
    full[#full + 1] = member
  end
end
return full
