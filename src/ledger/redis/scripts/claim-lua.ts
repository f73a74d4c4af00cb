import { REDIS_TIME } from './opening-lua.ts'

/**
 * Due reservations of a partition; their next look moves to the end of the lease, so that no other
 * sweeper takes them meanwhile. KEYS 1 x:{tag} 2 e:{tag}. ARGV 1 epoch 2 most 3 lease ms.
 */
export function claimLua(time: string = REDIS_TIME): string {
  return `#!lua flags=allow-oom
local t = ${time}
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local epoch = redis.call('GET', KEYS[2])
if epoch ~= ARGV[1] then return {'FENCED', now, epoch or ''} end
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[2])
local moved = {}
for i, rid in ipairs(due) do moved[2 * i - 1], moved[2 * i] = now + ARGV[3], rid end
if #due > 0 then redis.call('ZADD', KEYS[1], unpack(moved)) end
return {'OK', now, due}
`
}
