// KEYS 1 documents of a kind, name → `<version>:<value>`; 2 their names, all with score 0, by name;
// 3 the positions of their last writes by name, and under '' the newest that was ever given.

/**
 * Compare-and-set. ARGV 1 name, 2 version that it must have, 0 for none, '' for any, and 3 the new
 * value; without one it is removed. Answers the new version, 1 for a removal, 0 when nothing was done.
 */
export const CHANGE_LUA = `#!lua
local found = redis.call('HGET', KEYS[1], ARGV[1])
local version = found and tonumber(string.match(found, '^%d+')) or 0
if ARGV[2] ~= '' and tonumber(ARGV[2]) ~= version then return 0 end
if ARGV[3] then
  local last = tonumber(redis.call('ZSCORE', KEYS[3], '') or 0)
  local position = string.format('%.0f', last + 1)
  redis.call('ZADD', KEYS[3], position, '', position, ARGV[1])
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f:', version + 1) .. ARGV[3])
  return version + 1
end
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
`

/** A page of a kind. ARGV 1 where it begins, as for ZRANGEBYLEX, 2 how many. Answers names, values. */
export const LIST_LUA = `#!lua flags=no-writes
local names = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], '+', 'LIMIT', 0, ARGV[2])
if #names == 0 then return {{}, {}} end
return {names, redis.call('HMGET', KEYS[1], unpack(names))}
`

/**
 * A page of changes. ARGV 1 the position that they come after, 2 how many. Answers the newest position,
 * and names, positions and values in the order of positions.
 */
export const CHANGES_LUA = `#!lua flags=no-writes
local last = redis.call('ZSCORE', KEYS[3], '') or '0'
local range = {'(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2] + 1}
local pairs = redis.call('ZRANGEBYSCORE', KEYS[3], unpack(range))
local names, positions = {}, {}
for at = 1, #pairs, 2 do
  if pairs[at] ~= '' and #names < tonumber(ARGV[2]) then
    names[#names + 1] = pairs[at]
    positions[#positions + 1] = pairs[at + 1]
  end
end
if #names == 0 then return {last, {}, {}, {}} end
return {last, names, positions, redis.call('HMGET', KEYS[1], unpack(names))}
`
