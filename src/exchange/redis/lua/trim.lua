#!lua flags=allow-oom
-- Empties a mailbox up to and with a message that was delivered. One is always left: RPUSHX asks whether the list is there.
-- KEYS[1] the mailbox
-- ARGV    the last message that was delivered
-- Answer  how many were taken out, or 0 where the message isn't there (any more)
-- Cost    O(messages before it)
local index = redis.call('LPOS', KEYS[1], ARGV[1])
if not index then return 0 end
redis.call('LTRIM', KEYS[1], index, -1)
redis.call('LSET', KEYS[1], 0, '')
return index
