-- What each sender may still send, span by span; takes nothing.
-- KEYS[1]  readiness marker
-- ARGV per sender: id, per second, per minute, per hour, per day (0: no limit), portfolio ('': none)
-- Returns {ready, then per sender: ms it still rests, 1 when it is being tried out, free in a second, free in a minute, used in the hour,
-- free in the hour, used in the day, free in the day, people the portfolio has written to in 24 hours}; a free of -1 means no limit.
local answer = {redis.call('EXISTS', KEYS[1])}
for n = 0, #ARGV / 6 - 1 do
  local base = n * 6
  local id, portfolio = ARGV[base + 1], ARGV[base + 6]
  local per_second, per_minute = tonumber(ARGV[base + 2]), tonumber(ARGV[base + 3])
  local per_hour, per_day = tonumber(ARGV[base + 4]), tonumber(ARGV[base + 5])
  local second, minute = -1, -1
  -- "in a second" means the coming one: what its pace and its reserve allow, never more than the limit says
  if per_second > 0 then second = math.min(per_second, (paced('pace:s:' .. id, per_second, 1000, 1000))) end
  if per_minute > 0 then minute = math.min(per_minute, (paced('pace:m:' .. id, per_minute, 60000, 60000))) end
  local hour, _, used_hour = windowed('used:h:' .. id, per_hour, HOUR, 60)
  local day, _, used_day = windowed('used:d:' .. id, per_day, DAY, 96)
  local people = 0
  if portfolio ~= '' then people = redis.call('ZCOUNT', 'people:' .. portfolio, now - DAY, '+inf') end
  local line = {
    math.max(0, redis.call('PTTL', 'hold:' .. id)), redis.call('EXISTS', 'strikes:' .. id), second, minute,
    used_hour, per_hour > 0 and hour or -1, used_day, per_day > 0 and day or -1, people,
  }
  for _, value in ipairs(line) do answer[#answer + 1] = value end
end
return answer
