#!lua
-- Tells of clients that connected, before any of them is in a room.
-- KEYS[1] the partition's prefix
-- ARGV    node, and of each client: the id that it will have, its address or ''
-- Answer  1
-- Cost    O(clients)
for index = 2, #ARGV, 2 do
  tell('socket.connected', 'sid', ARGV[index], 'node', ARGV[1], 'address', ARGV[index + 1])
end
return 1
