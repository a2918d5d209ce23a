#!lua flags=allow-oom
-- Renews a node's lease, and says who let theirs lapse.
-- KEYS[1] the partition's prefix
-- ARGV    node, lease (ms), link (a number, higher for each link that the node makes), and a nonce to probe with, or ''
-- Answer  { 1 if the lease had not lapsed or else 0, node, … }: the nodes whose sessions are to be reaped
-- Fence   a beat of an earlier link changes nothing.
-- Cost    O(log nodes)
local node, lease, link, nonce = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local answer = { holds_lease(node) and 1 or 0 }
if tonumber(link) < tonumber(redis.call('GET', at .. 'l:' .. node) or 0) then return answer end
redis.call('ZADD', at .. 'nodes', now() + lease, node)
redis.call('SET', at .. 'l:' .. node, link)
if nonce ~= '' then redis.call('SPUBLISH', at .. 'hb:' .. node, 'P' .. nonce) end
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', at .. 'nodes', '-inf', now(), 'LIMIT', 0, 16)) do
  answer[#answer + 1] = dead
end
return answer
