-- What the scripts share. It is put before each of them that changes or reads a room.
-- `at` is the partition's prefix, such as sb:{0-12}: ; every key and channel here begins with it, so all are in one slot.
local at = KEYS[1]

-- MAILBOX_MESSAGES, MAILBOX_BYTES: what a mailbox holds at most, beside its sentinel, from the node's settings. Its node
-- trims what it has delivered, so that only the mailbox of one that is cut off fills. Bytes are looked at with each fourth
-- message; what lies there has to fit into a client's outbox at once.

-- EVENTS: how many events a partition's stream keeps, roughly; 0 where nobody wants any. From the node's settings, too.

-- A room's version is forgotten a day after its last member left: no client is that late.
local VERSION_KEPT = 86400

-- That a session was ended by an operator is known for an hour: no node is that late.
local END_KEPT = 3600

-- Redis time in milliseconds: the one clock of the cluster.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function holds_lease(node)
  local expiry = redis.call('ZSCORE', at .. 'nodes', node)
  return expiry and tonumber(expiry) > now()
end

-- Whether a node may change things through this link of its. What an earlier link left on its way may come late, after
-- the node has asked again and gone on: it is nobody's word any more.
local function may_speak(node, link)
  local latest = redis.call('GET', at .. 'l:' .. node)
  return holds_lease(node) and tonumber(link) >= tonumber(latest or 0)
end

-- Whether the session is this node's, through this connection: another one may have taken it up since.
local function is_owner(sid, node, attachment)
  local owner = redis.call('HMGET', at .. 's:' .. sid, 'node', 'a')
  return owner[1] == node and (owner[2] or '0') == attachment
end

-- The attempt by which a connection took its session up: what an attachment begins with. 0 for the one that joined.
local function attempt_of(attachment)
  return tonumber(string.match(attachment or '0', '^%d+'))
end

-- How many lives the data has had: a session that was last taken up in another one may have lost messages since.
local function lives()
  return redis.call('HGET', at .. 'epoch', 'lives') or '0'
end

-- Whether the sessions' nodes are still registering them again after Redis lost its data, or some of it.
local function is_gathering()
  return tonumber(redis.call('HGET', at .. 'epoch', 'until') or 0) > now()
end

-- Raises the room's version. A new one begins at the time, so that it never runs backwards; and so does an old one that may
-- have been higher before the data's present life.
local function next_version(room)
  local key = at .. 'rv:' .. room
  local version = redis.call('INCR', key)
  if version == 1 or version < tonumber(redis.call('HGET', at .. 'epoch', 'since') or 0) then
    version = now()
    redis.call('SET', key, version)
  end
  return string.format('%d', version)
end

-- Publishes a change to each of `members`. It isn't kept: who misses one asks for a snapshot.
local function announce(members, room, notice)
  for _, member in ipairs(members) do
    redis.call('SPUBLISH', at .. 'q:' .. member .. ':' .. room, notice)
  end
end

-- Adds an event to the partition's stream, for who hears of rooms from outside: its fields and their values. It comes before
-- what makes the change done: a script that broke off, as while a cluster moves the slot, is done again, and an event that was
-- told twice does less harm than one that wasn't.
local function tell(kind, ...)
  if EVENTS == 0 then return end
  redis.call('XADD', at .. 'events', 'MAXLEN', '~', EVENTS, '*', 'type', kind, 'time', string.format('%d', now()), ...)
end

-- Tells that somebody is in a room of so many others.
local function tell_joined(others, room, sid, node, info, version, ...)
  if others == 0 then tell('room.opened', 'room', room, 'version', version, ...) end
  tell('peer.joined', 'room', room, 'sid', sid, 'node', node, 'info', info, 'version', version, ...)
end

-- Puts a message into a member's mailbox and publishes it. 1: done; 0: there is no such member; -1: its mailbox is full.
local function post(mailbox, message)
  local length = redis.call('RPUSHX', mailbox, message)
  if length == 0 then return 0 end
  if length > MAILBOX_MESSAGES + 1
    or (length % 4 == 0 and redis.call('MEMORY', 'USAGE', mailbox, 'SAMPLES', 0) > MAILBOX_BYTES) then
    redis.call('RPOP', mailbox)
    return -1
  end
  redis.call('SPUBLISH', mailbox, message)
  return 1
end

-- Makes a mailbox, unless there is one. The sentinel keeps it there while it is empty.
local function open_mailbox(mailbox)
  if #redis.call('LRANGE', mailbox, 0, 0) == 0 then redis.call('RPUSH', mailbox, '') end
end

-- Empties a mailbox up to the first message that isn't among those its client had: { sender = its highest number, … }.
-- Says how many it took out, and how many are left.
local function forget(mailbox, had)
  local kept, messages = 1, nil
  repeat
    messages = redis.call('LRANGE', mailbox, kept, kept + 63)
    local seen = kept
    for _, message in ipairs(messages) do
      local highest = had[string.sub(message, 3, 22)]
      if not highest or tonumber(string.match(message, '^%d+', 23)) > highest then break end
      kept = kept + 1
    end
  until kept < seen + 64
  if kept > 1 then
    redis.call('LTRIM', mailbox, kept - 1, -1)
    redis.call('LSET', mailbox, 0, '')
  end
  return { kept - 1, math.max(redis.call('LLEN', mailbox) - 1, 0) }
end

-- What a client had, from the arguments after the first `skipped`: sender, number, …
local function had_from(arguments, skipped)
  local had = {}
  for index = skipped + 1, #arguments, 2 do had[arguments[index]] = tonumber(arguments[index + 1]) end
  return had
end

-- The room as `sid` sees it: version, then of each of the others id, info, joining version, and 1 where it is away.
-- Who is in the set and has no session is what a script left that broke off.
local function snapshot(room, sid)
  local version, since = redis.call('GET', at .. 'rv:' .. room), redis.call('HGET', at .. 'epoch', 'since')
  if version and tonumber(version) < tonumber(since or 0) then
    version = since
    redis.call('SET', at .. 'rv:' .. room, version)
  end
  local answer = { version or '0' }
  for _, member in ipairs(redis.call('SMEMBERS', at .. 'r:' .. room)) do
    if member ~= sid then
      local shown = redis.call('HMGET', at .. 's:' .. member, 'info', 'v', 'node')
      if shown[3] then
        answer[#answer + 1] = member
        answer[#answer + 1] = shown[1] or 'null'
        answer[#answer + 1] = shown[2] or '0'
        answer[#answer + 1] = shown[3] == '' and '1' or '0'
      end
    end
  end
  return answer
end

-- Takes a member out of its room and tells the others. Whether it was in is for the caller to know.
-- What tells the owner goes last: a script that broke off in between, as while a cluster moves the slot, is done again.
local function remove(sid, room, node, reason)
  local version = next_version(room)
  redis.call('SREM', at .. 'n:' .. node, sid)
  redis.call('ZREM', at .. 'dt', sid)
  redis.call('SREM', at .. 'r:' .. room, sid)
  local members = redis.call('SMEMBERS', at .. 'r:' .. room)
  tell('peer.left', 'room', room, 'sid', sid, 'reason', reason, 'version', version)
  if #members == 0 then
    redis.call('ZREM', at .. 'rooms', room)
    redis.call('EXPIRE', at .. 'rv:' .. room, VERSION_KEPT)
    tell('room.closed', 'room', room)
  end
  announce(members, room, 'L' .. version .. ' ' .. sid .. reason)
  redis.call('DEL', at .. 'q:' .. sid .. ':' .. room, at .. 's:' .. sid)
end

-- Keeps a member's place for so long, without a connection, and tells the others. One that can't be resumed is lost.
local function set_aside(sid, room, node, spent)
  local window = redis.call('HGET', at .. 's:' .. sid, 'w')
  if not window then return remove(sid, room, node, 'lost') end
  redis.call('ZADD', at .. 'dt', now() + math.max(window - spent, 1000), sid)
  announce(redis.call('SMEMBERS', at .. 'r:' .. room), room, 'A' .. next_version(room) .. ' ' .. sid)
  redis.call('SREM', at .. 'n:' .. node, sid)
  redis.call('HSET', at .. 's:' .. sid, 'node', '')
end

-- Why an operator ended a session that is gone, or 0: its node may not have heard it.
local function why_gone(sid)
  return redis.call('GET', at .. 'x:' .. sid) or 0
end

-- Tells a member that an operator ends its session. What is noted keeps its node from registering it again.
local function dismiss(sid, room, reason)
  redis.call('SET', at .. 'x:' .. sid, reason, 'EX', END_KEPT)
  redis.call('SPUBLISH', at .. 'q:' .. sid .. ':' .. room, 'K' .. reason)
end
