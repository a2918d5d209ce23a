#!lua flags=allow-oom
-- Keeps the partition's webhooks with one sender: notes how far it has sent, and gives it the next events.
-- KEYS[1] the partition's prefix
-- ARGV    node, lease (ms; 0 gives the partition back), the last event that it has sent, or '', how many are passed with it: in
--         all, counted on from what it was told; and how many to give at most: 0 while it has some left
-- Answer  { 1, or 2 where it was the last to have it before, too; now (ms), how many wait, how many were trimmed before they
--         were sent, how many are passed: sent or trimmed; { id, { field, value, … } }, … }; or { 0, how long another has it
--         (ms) }
-- Cost    O(events given)
-- Fence   the lease, by Redis time. Who lost it moves nothing. Done again after a lost answer, it gives the same.
local node, lease, sent, total, most = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local hook, stream, time = at .. 'hook', at .. 'events', now()
local was = redis.call('HMGET', hook, 'node', 'until', 'id', 'count')
local is_ours = was[1] == node
if was[1] and not is_ours and tonumber(was[2]) > time then return { 0, tonumber(was[2]) - time } end
local id, passed = was[3] or '0-0', tonumber(was[4] or 0)
if is_ours and sent ~= '' then id, passed = sent, total end
local answer = { is_ours and 2 or 1, time, 0, 0, passed }
if most > 0 and redis.call('XLEN', stream) > 0 then
  local about, known = redis.call('XINFO', 'STREAM', stream), {}
  for index = 1, #about, 2 do known[about[index]] = about[index + 1] end
  local added, trimmed = known['entries-added'], known['entries-added'] - known['length']
  -- What came before there was anybody to send it is nobody's loss; and a stream that was made anew begins anew.
  if not was[3] or passed > added then passed = trimmed end
  answer[4] = math.max(trimmed - passed, 0)
  passed = passed + answer[4]
  answer[3], answer[5] = added - passed, passed
  for _, entry in ipairs(redis.call('XRANGE', stream, '(' .. id, '+', 'COUNT', most)) do answer[#answer + 1] = entry end
end
redis.call('HSET', hook, 'node', node, 'until', lease > 0 and time + lease or 0, 'id', id, 'count', passed)
return answer
