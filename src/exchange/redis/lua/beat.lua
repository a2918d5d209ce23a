-- Renews a node's lease, and says who let theirs lapse.
-- KEYS[1] the partition's prefix
-- ARGV    node, lease (ms), and for the link's probe a nonce, else ''
-- Answer  { 1 if the lease had not lapsed or else 0, node, … }: the nodes whose sessions are to be reaped
-- Cost    O(log nodes)
local node, lease, nonce = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local answer = { holds_lease(node) and 1 or 0 }
redis.call('ZADD', at .. 'nodes', now() + lease, node)
if nonce ~= '' then redis.call('SPUBLISH', at .. 'hb:' .. node, 'P' .. nonce) end
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', at .. 'nodes', '-inf', now(), 'LIMIT', 0, 16)) do
  answer[#answer + 1] = dead
end
return answer
