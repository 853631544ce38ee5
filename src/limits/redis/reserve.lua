-- Counts one request with all of its limits, if each has room, and with none of them otherwise.
--
-- KEYS: where each limit is counted. ARGV: the moment in milliseconds, or 0 for this server's own; the
-- request's lease and its length in milliseconds; then for each limit: most, cost, and how its window is
-- cut: the length of a slice in milliseconds and the number of slices, both 0 for what runs at once.
-- Replies the moment, then for each limit what is used, and milliseconds to wait and until all is back.
-- The arithmetic is that of src/limits/window.rs.

local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local lease, lease_ms = ARGV[2], tonumber(ARGV[3])

local limits, fits, reply = {}, true, { now }
for i, key in ipairs(KEYS) do
  local at = 3 + (i - 1) * 4
  local most, cost = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local slice_ms, slices = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local used, wait, reset = 0, 0, 0
  if slices == 0 then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    used = redis.call('ZCARD', key)
    if used >= most then wait = 1000 end
  else
    local newest = math.floor(now / slice_ms)
    local oldest = newest - slices + 1
    local spent = {}
    local known = redis.call('HGETALL', key)
    for j = 1, #known, 2 do
      local slice, amount = tonumber(known[j]), tonumber(known[j + 1])
      if slice < oldest then
        redis.call('HDEL', key, known[j])
      else
        spent[slice] = amount
        used = used + amount
        newest = math.max(newest, slice)
      end
    end
    local missing = math.max(0, used + math.min(cost, most) - most)
    for slice = oldest, newest do
      if (spent[slice] or 0) > 0 then
        reset = (slice + slices) * slice_ms - now
        if missing > 0 then
          missing = missing - spent[slice]
          wait = reset
        end
      end
    end
  end
  if wait > 0 then fits = false end
  limits[i] = { cost = cost, slice_ms = slice_ms, slices = slices }
  reply[#reply + 1], reply[#reply + 2], reply[#reply + 3] = used, wait, reset
end

if fits then
  for i, key in ipairs(KEYS) do
    local limit = limits[i]
    if limit.slices == 0 then
      redis.call('ZADD', key, now + lease_ms, lease)
      redis.call('PEXPIRE', key, lease_ms)
    else
      redis.call('HINCRBY', key, math.floor(now / limit.slice_ms), limit.cost)
      redis.call('PEXPIRE', key, limit.slices * limit.slice_ms)
    end
  end
end
return reply
