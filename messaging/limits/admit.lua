-- Asks for people whether a message may go to them now; one round trip for a chunk.
-- ARGV per sender: sender id, people separated by blanks, pair gap in ms (0: none), portfolio ('': none), portfolio limit
-- Returns per sender a list with each person's wait in ms (0: admitted). A refused person uses up nothing.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local DAY = 86400000
local answer = {}
local trimmed = {}

for base = 0, #ARGV - 5, 5 do
  local prefix = 'pair:' .. ARGV[base + 1] .. ':'
  local gap, portfolio, limit = tonumber(ARGV[base + 3]), ARGV[base + 4], tonumber(ARGV[base + 5])
  local people = nil
  if portfolio ~= '' and limit > 0 then
    people = 'people:' .. portfolio
    if not trimmed[people] then
      redis.call('ZREMRANGEBYSCORE', people, '-inf', now - DAY)
      trimmed[people] = true
    end
  end

  -- The wait that the portfolio asks of a person; admits the person where it asks none.
  local function enter(person)
    if not redis.call('ZSCORE', people, person) and redis.call('ZCARD', people) >= limit then
      local oldest = redis.call('ZRANGE', people, 0, 0, 'WITHSCORES')
      return math.max(1000, tonumber(oldest[2]) + DAY - now)
    end
    redis.call('ZADD', people, now, person)
    redis.call('PEXPIRE', people, DAY + 60000)
    return 0
  end

  local waits = {}
  for person in string.gmatch(ARGV[base + 2], '%S+') do
    local pair = prefix .. person
    local wait = 0
    if gap > 0 and not redis.call('SET', pair, 1, 'PX', gap, 'NX') then
      wait = math.max(1, redis.call('PTTL', pair))
    elseif people then
      wait = enter(person)
      if wait > 0 and gap > 0 then redis.call('DEL', pair) end
    end
    waits[#waits + 1] = wait
  end
  answer[#answer + 1] = waits
end
return answer
