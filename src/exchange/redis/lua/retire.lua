#!lua flags=allow-oom
-- Gives a lease back, when a node stops. Sessions that it left behind are anybody's to reap at once.
-- KEYS[1] the partition's prefix
-- ARGV    node
-- Answer  how many sessions it left behind
-- Cost    O(log nodes)
local node = ARGV[1]
local left = redis.call('SCARD', at .. 'n:' .. node)
if left == 0 then
  redis.call('ZREM', at .. 'nodes', node)
  redis.call('DEL', at .. 'l:' .. node)
else
  redis.call('ZADD', at .. 'nodes', 0, node)
end
return left
