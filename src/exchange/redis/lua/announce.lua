#!lua
-- Tells everybody in a room what an operator has to say. It isn't kept.
-- KEYS[1] the partition's prefix
-- ARGV    room, frame
-- Answer  how many members there are
-- Cost    O(members): a publish each
local members = redis.call('SMEMBERS', at .. 'r:' .. ARGV[1])
announce(members, ARGV[1], 'N' .. ARGV[2])
return #members
