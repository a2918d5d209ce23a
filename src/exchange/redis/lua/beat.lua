#!lua flags=allow-oom
-- Renews a node's lease, and says what there is to know of everybody's.
-- KEYS[1] the partition's prefix
-- ARGV    node, lease (ms), link (a number, higher for each link that the node makes), a nonce to probe with, or ''; the
--         server's run id, the term that the node knows, or '', and a name for a new term
-- Answer  { 1 if the lease had not lapsed or else 0, term, how long all are still gathering (ms), how many sessions the node
--         has, 1 if some session's window is over or else 0, node, … }: the nodes whose sessions are to be reaped
-- Fence   a beat of an earlier link changes nothing; only a link that is gone hears its answer.
-- Cost    O(log nodes)
-- A term is one life of the data in one process: another one means that all was lost, or the last of it may be. The first node
-- that knew an earlier term has everybody register their sessions again: for a lease, where all was lost, else for a third.
local node, lease, link, nonce = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local server, known, name = ARGV[5], ARGV[6], ARGV[7]
local held = holds_lease(node) and 1 or 0
if tonumber(link) < tonumber(redis.call('GET', at .. 'l:' .. node) or 0) then return { held, known, 0, -1, 0 } end
redis.call('ZADD', at .. 'nodes', now() + lease, node)
redis.call('SET', at .. 'l:' .. node, link)
if nonce ~= '' then redis.call('SPUBLISH', at .. 'hb:' .. node, 'P' .. nonce) end
local epoch = redis.call('HMGET', at .. 'epoch', 'name', 'server', 'until')
if epoch[2] ~= server then
  name = epoch[1] or name
  redis.call('HSET', at .. 'epoch', 'name', name, 'server', server, 'until', 0, 'since', now())
  redis.call('HINCRBY', at .. 'epoch', 'lives', 1)
  epoch = { name, server, 0 }
end
local term, gathered = epoch[1] .. ' ' .. server, tonumber(epoch[3])
if known ~= '' and known ~= term and gathered == 0 then
  local is_new = string.sub(known, 1, #epoch[1]) ~= epoch[1]
  gathered = now() + (is_new and lease or math.floor(lease / 3))
  redis.call('HSET', at .. 'epoch', 'until', gathered)
end
local expired = #redis.call('ZRANGEBYSCORE', at .. 'dt', '-inf', now(), 'LIMIT', 0, 1)
local answer = { held, term, math.max(gathered - now(), 0), redis.call('SCARD', at .. 'n:' .. node), expired }
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', at .. 'nodes', '-inf', now(), 'LIMIT', 0, 16)) do
  answer[#answer + 1] = dead
end
return answer
