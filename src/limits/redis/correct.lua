-- Corrects what a request was counted with, and ends what ran.
--
-- KEYS: where each limit is counted. ARGV: the moment in milliseconds, or 0 for this server's own; the
-- request's lease; the moment it was counted at; then for each limit: by how much, and how its window is
-- cut, as in reserve.lua.

local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local lease, spent_at = ARGV[2], tonumber(ARGV[3])

for i, key in ipairs(KEYS) do
  local at = 3 + (i - 1) * 3
  local by = tonumber(ARGV[at + 1])
  local slice_ms, slices = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  if slices == 0 then
    redis.call('ZREM', key, lease)
  else
    local slice = math.floor(spent_at / slice_ms)
    local forgotten_in = (slice + slices) * slice_ms - now
    if forgotten_in > 0 then
      local amount = tonumber(redis.call('HGET', key, slice) or 0) + by
      if amount > 0 then
        redis.call('HSET', key, slice, amount)
        -- What was counted later must not be forgotten earlier.
        if redis.call('PTTL', key) < forgotten_in then
          redis.call('PEXPIRE', key, forgotten_in)
        end
      else
        redis.call('HDEL', key, slice)
      end
    end
  end
end
return 0
