-- Checks and hits any number of moving windows in one step.
-- KEYS: a list of hits for each window, then one more key, whose value is returned (and set if it is missing).
-- ARGV: for each window its amount, its length in seconds, and 1 to hit it or 0 to look only.
-- Returns the value of the extra key, then for each window: allowed (1 or 0), hits left, reset in microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local extra = redis.call('GET', KEYS[#KEYS])
if not extra then
  extra = time[1] .. '.' .. time[2]
  redis.call('SET', KEYS[#KEYS], extra)
end
local answer, has_room = {extra}, true
for number = 1, #KEYS - 1 do
  local key, amount, length = KEYS[number], tonumber(ARGV[3 * number - 2]), ARGV[3 * number - 1] * 1000000
  local oldest = redis.call('LINDEX', key, 0)
  while oldest and oldest + 0 <= now - length do
    redis.call('LPOP', key)
    oldest = redis.call('LINDEX', key, 0)
  end
  local left = amount - redis.call('LLEN', key)
  has_room = has_room and (left > 0 or ARGV[3 * number] == '0')
  answer[3 * number - 1], answer[3 * number], answer[3 * number + 1] = left > 0 and 1 or 0, left, (oldest or now) + length
end
for number = 1, has_room and #KEYS - 1 or 0 do
  if ARGV[3 * number] == '1' then
    redis.call('RPUSH', KEYS[number], now)
    redis.call('EXPIRE', KEYS[number], ARGV[3 * number - 1])
    answer[3 * number] = answer[3 * number] - 1
  end
end
return answer
