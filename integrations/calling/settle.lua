-- Keeps what a call found out about a connection. KEYS: state, probe. ARGV: 'well' or 'failed', failures that open, ms an idle state is kept
-- Returns {failures in a row, 1 when the breaker has just opened or closed}.
if ARGV[1] == 'well' then
  local opened = redis.call('HGET', KEYS[1], 'opened')
  redis.call('DEL', KEYS[1], KEYS[2])
  return {0, opened and 1 or 0}
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local failures = redis.call('HINCRBY', KEYS[1], 'failures', 1)
local opened = redis.call('HGET', KEYS[1], 'opened')
local probing = redis.call('DEL', KEYS[2]) == 1
local changed = 0
if probing or (not opened and failures >= tonumber(ARGV[2])) then
  redis.call('HSET', KEYS[1], 'opened', now)
  changed = opened and 0 or 1
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {failures, changed}
