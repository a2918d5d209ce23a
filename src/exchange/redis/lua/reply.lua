#!lua flags=allow-oom
-- Answers what another node asked this one.
-- KEYS[1] the partition's prefix
-- ARGV    the question's name, the answer, how long it is kept (ms)
-- Answer  1
-- Cost    O(1)
local key = at .. 'a:' .. ARGV[1]
redis.call('RPUSH', key, ARGV[2])
redis.call('PEXPIRE', key, ARGV[3])
return 1
