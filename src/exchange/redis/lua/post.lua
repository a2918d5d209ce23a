#!lua
-- Relays one message: the hot path, so it stands alone and does nothing that the gateway can check.
-- KEYS[1] the receiver's mailbox, which is also the name of its channel
-- ARGV    message
-- Answer  1: done; 0: there is no such member; -1: its mailbox is full, by the node's settings
-- Cost    O(1)
local length = redis.call('RPUSHX', KEYS[1], ARGV[1])
if length == 0 then return 0 end
-- The sentinel is in it, too. Bytes are looked at with each fourth message.
if length > MAILBOX_MESSAGES + 1
  or (length % 4 == 0 and redis.call('MEMORY', 'USAGE', KEYS[1], 'SAMPLES', 0) > MAILBOX_BYTES) then
  redis.call('RPOP', KEYS[1])
  return -1
end
redis.call('SPUBLISH', KEYS[1], ARGV[1])
return 1
