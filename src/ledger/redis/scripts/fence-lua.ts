/**
 * Moves a canary by compare-and-set: only who saw the old epoch makes the new one. Answers the epoch
 * that stands afterwards, and the clock. KEYS 1 e:{tag}. ARGV 1 old ('': there must be none) 2 new.
 */
export const FENCE_LUA = `#!lua flags=allow-oom
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local epoch = redis.call('GET', KEYS[1])
if (epoch or '') == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2])
  epoch = ARGV[2]
end
return {epoch or '', now}
`
