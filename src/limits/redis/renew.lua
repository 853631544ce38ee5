-- Renews leases of what runs.
--
-- KEYS: where each is counted. ARGV: the length of a lease in milliseconds, then for each key the lease.
-- A lease that is not known any more is put back: the server may have begun anew.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease_ms = tonumber(ARGV[1])
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + lease_ms, ARGV[1 + i])
  redis.call('PEXPIRE', key, lease_ms)
end
return 0
