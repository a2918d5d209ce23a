#!lua flags=allow-oom
-- Empties a mailbox of what its client had, up to the first message that it hadn't.
-- KEYS[1] the partition's prefix
-- ARGV    room, sid, and what the client had: sender, number, …
-- Answer  { how many were taken out, how many are left }
-- Cost    O(messages taken out)
return forget(at .. 'q:' .. ARGV[2] .. ':' .. ARGV[1], had_from(ARGV, 2))
