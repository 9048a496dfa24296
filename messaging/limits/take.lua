-- Takes up to `want` tokens from the given senders, and from the job, in one round trip.
-- KEYS[1]  readiness marker: without it the hour and day counters are not trustworthy and nothing is granted
-- ARGV[1]  want, ARGV[2] job id, ARGV[3] job per hour, ARGV[4] job per day (0: no limit), ARGV[5] 1 = only look
-- then per sender: id, per second, per minute, per hour, per day (0: no limit)
-- Returns {ready, wait in ms until something may be granted, sender id, granted, sender id, granted, …}
local marker = redis.call('EXISTS', KEYS[1])
if marker == 0 then return {0, 0} end

local want, job = tonumber(ARGV[1]), ARGV[2]
local look_only = ARGV[5] == '1'
local horizon = look_only and 5000 or 0
local job_free = want
if tonumber(ARGV[3]) > 0 then
  job_free = math.min(job_free, (windowed('used:job:h:' .. job, tonumber(ARGV[3]), HOUR, 60)))
  -- a rate per hour is also spread over the hour, so that it is a rate and not a burst followed by silence
  job_free = math.min(job_free, (paced('pace:job:' .. job, tonumber(ARGV[3]), HOUR, horizon)))
end
if tonumber(ARGV[4]) > 0 then
  job_free = math.min(job_free, (windowed('used:job:d:' .. job, tonumber(ARGV[4]), DAY, 96)))
end

local answer = {1, 0}
local left = math.min(want, job_free)
local total = 0
local free_of = {}
local count = (#ARGV - 5) / 5
for n = 0, count - 1 do
  local base = 5 + n * 5
  local id = ARGV[base + 1]
  local per_second, per_minute = tonumber(ARGV[base + 2]), tonumber(ARGV[base + 3])
  local per_hour, per_day = tonumber(ARGV[base + 4]), tonumber(ARGV[base + 5])
  local free = want
  local held = redis.call('PTTL', 'hold:' .. id)
  if held > 0 then
    free = 0
    later(held)
  else
    -- a sender whose last chunks failed is tried with a few people, not with a full chunk
    if redis.call('EXISTS', 'strikes:' .. id) == 1 then free = math.min(free, 5) end
    if per_second > 0 then free = math.min(free, (paced('pace:s:' .. id, per_second, 1000, horizon))) end
    if per_minute > 0 then free = math.min(free, (paced('pace:m:' .. id, per_minute, 60000, horizon))) end
    if per_hour > 0 then free = math.min(free, (windowed('used:h:' .. id, per_hour, HOUR, 60))) end
    if per_day > 0 then free = math.min(free, (windowed('used:d:' .. id, per_day, DAY, 96))) end
  end
  free_of[n] = free
end

-- Share what is left evenly: the sender with the least to give first, so nothing is granted that another could not have had.
local order = {}
for n = 0, count - 1 do order[n + 1] = n end
table.sort(order, function(a, b) if free_of[a] == free_of[b] then return a < b end return free_of[a] < free_of[b] end)
for place, n in ipairs(order) do
  local grant = math.min(free_of[n], math.ceil(left / (count - place + 1)))
  if grant > 0 then
    local base = 5 + n * 5
    local id = ARGV[base + 1]
    left = left - grant
    total = total + grant
    answer[#answer + 1] = id
    answer[#answer + 1] = grant
    if not look_only then
      local function advance(key, rate, span)
        local due = math.max(tonumber(redis.call('GET', key) or '0'), now)
        redis.call('SET', key, tostring(due + grant * span / rate), 'PX', math.ceil(span + grant * span / rate) + 1000)
      end
      if tonumber(ARGV[base + 2]) > 0 then advance('pace:s:' .. id, tonumber(ARGV[base + 2]), 1000) end
      if tonumber(ARGV[base + 3]) > 0 then advance('pace:m:' .. id, tonumber(ARGV[base + 3]), 60000) end
      -- counted with or without a limit, so that a limit set later knows what went before it
      count_in('used:h:' .. id, HOUR, 60, grant)
      count_in('used:d:' .. id, DAY, 96, grant)
    end
  end
end

if total > 0 and not look_only then
  if tonumber(ARGV[3]) > 0 then
    local step = HOUR / tonumber(ARGV[3])
    local due = math.max(tonumber(redis.call('GET', 'pace:job:' .. job) or '0'), now)
    redis.call('SET', 'pace:job:' .. job, tostring(due + total * step), 'PX', math.ceil(HOUR + total * step))
  end
  -- counted with or without a limit, as for senders
  count_in('used:job:h:' .. job, HOUR, 60, total)
  count_in('used:job:d:' .. job, DAY, 96, total)
end
if total == 0 then answer[2] = math.max(1, math.ceil(shortest or 1000)) end
return answer
