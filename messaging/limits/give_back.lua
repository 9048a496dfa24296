-- Returns tokens of messages that were not sent after all; one round trip.
-- ARGV[1] job id, ARGV[2] job per hour (0: no limit), then per sender: id, number, per second, per minute (0: no limit)
-- What has expired meanwhile holds nothing back any more: it is left alone, so no key comes into being here that nobody would end.
local function earlier(key, number, span, rate)
  if tonumber(rate) > 0 and redis.call('EXISTS', key) == 1 then
    redis.call('INCRBYFLOAT', key, string.format('%.3f', -number * span / tonumber(rate)))
  end
end

local function uncount(key, span, buckets, number)
  if redis.call('EXISTS', key) == 1 then redis.call('HINCRBY', key, math.floor(now / (span / buckets)), -number) end
end

local job, total = ARGV[1], 0
for base = 2, #ARGV - 4, 4 do
  local id, number = ARGV[base + 1], tonumber(ARGV[base + 2])
  if number > 0 then
    total = total + number
    earlier('pace:s:' .. id, number, 1000, ARGV[base + 3])
    earlier('pace:m:' .. id, number, 60000, ARGV[base + 4])
    uncount('used:h:' .. id, HOUR, 60, number)
    uncount('used:d:' .. id, DAY, 96, number)
  end
end
earlier('pace:job:' .. job, total, HOUR, ARGV[2])
uncount('used:job:h:' .. job, HOUR, 60, total)
uncount('used:job:d:' .. job, DAY, 96, total)
return {total}
