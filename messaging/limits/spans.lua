-- What is free in a span of time: the part that taking (take.lua), giving back (give_back.lua) and looking (standing.lua) share. It is put before each of them.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local HOUR, DAY = 3600000, 86400000
local shortest = nil

local function later(wait)
  if shortest == nil or wait < shortest then shortest = wait end
end

-- GCRA: `rate` per `span` ms; a look-ahead may ask for what `horizon` ms would allow.
local function paced(key, rate, span, horizon)
  local step = span / rate
  local burst = math.max(1, math.floor(rate * math.min(0.1, 200 / span)))
  if span > 1000 then burst = math.max(1, math.floor(rate / 20)) end
  local due = math.max(tonumber(redis.call('GET', key) or '0'), now)
  local free = math.floor((now + horizon - due) / step + burst)
  if free <= 0 then later(math.ceil(due - now - (burst - 1) * step)) end
  return math.max(0, free), step, due
end

-- Rolling window in equal buckets; the oldest, partly expired bucket still counts, so the limit is never exceeded.
-- Returns what is free of the limit, the current bucket, and what was used.
local function windowed(key, limit, span, buckets)
  local width = span / buckets
  local current = math.floor(now / width)
  local used = 0
  local oldest = nil
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local bucket = tonumber(fields[i])
    if bucket >= current - buckets then
      used = used + tonumber(fields[i + 1])
      if oldest == nil or bucket < oldest then oldest = bucket end
    end
  end
  local free = limit - used
  if free <= 0 then later(((oldest or current) + buckets + 1) * width - now) end
  return math.max(0, free), current, used
end

-- Adds to the present bucket of a rolling window, and now and then forgets the buckets that have left it.
local function count_in(key, span, buckets, number)
  local current = math.floor(now / (span / buckets))
  redis.call('HINCRBY', key, current, number)
  redis.call('PEXPIRE', key, span * 2)
  if redis.call('HLEN', key) > buckets * 2 then
    for _, bucket in ipairs(redis.call('HKEYS', key)) do
      if tonumber(bucket) < current - buckets then redis.call('HDEL', key, bucket) end
    end
  end
end

