-- Asks for each person whether a message may go to them now; one round trip for a chunk.
-- ARGV[1] number of people, then per person: sender id, person, pair gap in ms (0: none), portfolio ('' : none), portfolio limit
-- Returns per person the wait in ms (0: admitted). A refused person uses up nothing.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local DAY = 86400000
local waits = {}
local trimmed = {}
for n = 0, tonumber(ARGV[1]) - 1 do
  local sender, person = ARGV[2 + n * 5], ARGV[3 + n * 5]
  local gap, portfolio, limit = tonumber(ARGV[4 + n * 5]), ARGV[5 + n * 5], tonumber(ARGV[6 + n * 5])
  local pair = 'pair:' .. sender .. ':' .. person
  local wait = 0
  if gap > 0 then wait = math.max(0, redis.call('PTTL', pair)) end
  if wait == 0 and portfolio ~= '' and limit > 0 then
    local people = 'people:' .. portfolio
    if not trimmed[people] then
      redis.call('ZREMRANGEBYSCORE', people, '-inf', now - DAY)
      trimmed[people] = true
    end
    if not redis.call('ZSCORE', people, person) and redis.call('ZCARD', people) >= limit then
      local oldest = redis.call('ZRANGE', people, 0, 0, 'WITHSCORES')
      wait = math.max(1000, tonumber(oldest[2]) + DAY - now)
    end
    if wait == 0 then
      redis.call('ZADD', people, now, person)
      redis.call('PEXPIRE', people, DAY + 60000)
    end
  end
  if wait == 0 and gap > 0 then redis.call('SET', pair, 1, 'PX', gap) end
  waits[n + 1] = wait
end
return waits
