/**
 * Mends a partition, if everything that the mending was computed from still stands; else nothing.
 *
 * KEYS 1 x:{tag} 2 e:{tag} 3.. what was looked at. ARGV 1 epoch, then for each of those keys three:
 * what stood there ('': nothing), what to do, and with what: `set` a value, `del`, put `in` the index, due
 * or take `out` the rid, `keep`.
 */
export const REPAIR_LUA = `#!lua flags=allow-oom
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local epoch = redis.call('GET', KEYS[2])
if epoch ~= ARGV[1] then return {'FENCED', now, epoch or ''} end
for i = 3, #KEYS do
  local there = redis.call('GET', KEYS[i]) or ''
  if there ~= ARGV[3 * i - 7] then return {'CHANGED', now} end
end
for i = 3, #KEYS do
  local what, value = ARGV[3 * i - 6], ARGV[3 * i - 5]
  if what == 'set' then redis.call('SET', KEYS[i], value)
  elseif what == 'del' then redis.call('DEL', KEYS[i])
  elseif what == 'in' then redis.call('ZADD', KEYS[1], 0, value)
  elseif what == 'out' then redis.call('ZREM', KEYS[1], value) end
end
return {'OK', now}
`
