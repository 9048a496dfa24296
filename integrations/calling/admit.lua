-- Asks whether one connection may be called now: breaker, the provider's own pause, quotas; one round trip.
-- KEYS: state, probe, pause, then two per quota: this bucket, the bucket before (or '' for a calendar span), and the provider's own remainder
-- ARGV: rest of an open breaker in ms, then per quota: limit, amount, ms of the span already gone, ms of the span
-- Returns {word, wait in ms, which quota, failures in a row}; words: go, probe, open, pause, quota.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local failures, opened = unpack(redis.call('HMGET', KEYS[1], 'failures', 'opened'))
failures = tonumber(failures or 0)

local pause = redis.call('PTTL', KEYS[3])
if pause > 0 then return {'pause', pause, 0, failures} end

local spent = {}
for quota = 1, (#ARGV - 1) / 4 do
  local base, first = (quota - 1) * 4 + 1, (quota - 1) * 3 + 3
  local limit, amount = tonumber(ARGV[base + 1]), tonumber(ARGV[base + 2])
  local gone, span = tonumber(ARGV[base + 3]), tonumber(ARGV[base + 4])
  local current, before, left = KEYS[first + 1], KEYS[first + 2], KEYS[first + 3]
  local theirs = tonumber(redis.call('GET', left) or -1)
  if theirs >= 0 then
    if theirs < amount then return {'quota', math.max(1, redis.call('PTTL', left)), quota, failures} end
    spent[#spent + 1] = {'DECRBY', left, amount}
  else
    -- A sliding window: what the span before still weighs shrinks as this one goes on.
    local used = tonumber(redis.call('GET', current) or 0)
    local old = before ~= '' and tonumber(redis.call('GET', before) or 0) * (1 - gone / span) or 0
    if used + old + amount > limit then
      local wait = span - gone
      if old > 0 and used + amount <= limit then
        wait = math.ceil((used + old + amount - limit) / (old / (span - gone)))
      end
      return {'quota', math.max(1, math.min(wait, span)), quota, failures}
    end
  end
  spent[#spent + 1] = {'INCRBY', current, amount, before ~= '' and span * 2 or span + 86400000}
end

local word = 'go'
if opened then
  local rests = opened + tonumber(ARGV[1]) - now
  if rests > 0 then return {'open', rests, 0, failures} end
  -- One call alone finds out whether the service is back; the others wait for what it reports.
  if not redis.call('SET', KEYS[2], 1, 'PX', ARGV[1], 'NX') then
    return {'open', math.max(1, redis.call('PTTL', KEYS[2])), 0, failures}
  end
  word = 'probe'
end
for _, change in ipairs(spent) do
  redis.call(change[1], change[2], change[3])
  if change[4] then redis.call('PEXPIRE', change[2], change[4]) end
end
return {word, 0, 0, failures}
