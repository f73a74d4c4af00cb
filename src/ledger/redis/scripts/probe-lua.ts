/**
 * Tries each command that the other scripts call, on the keys of nobody: an ACL that forbids one must
 * not show between two writes. Answers what was refused, `command, error` in turn, and leaves nothing:
 * what cleans up is tried before what would have to be cleaned up.
 *
 * KEYS 1 x:{tag} 2 e:{tag} 3 v:{tag}:rid 4 q:{tag}:subject. ARGV 1 rid.
 */
export const PROBE_LUA = `#!lua flags=allow-oom
local index, canary, record, subject = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local refused = {}
-- True for what may be called, and its answer; none where a key of another program is in its place:
-- permissions are looked at before types.
local function try(...)
  local reply = redis.pcall(...)
  local err = type(reply) == 'table' and reply.err
  if not err then return true, reply end
  if string.find(err, 'WRONGTYPE', 1, true) then return true, nil end
  refused[#refused + 1] = (...)
  refused[#refused + 1] = err
  return false, nil
end
try('TIME')
local _, epoch = try('GET', canary)
try('MGET', canary, record, subject)
try('EXISTS', record, subject)
try('ZRANGEBYSCORE', index, '-inf', '-inf', 'LIMIT', 0, 1)
local cleans = try('DEL', record, subject) and try('ZREM', index, ARGV[1])
if cleans then
  -- A canary that is not there is not made here, and what is in its place not written over.
  if epoch ~= nil then try('SET', canary, epoch or '', 'XX') end
  try('SET', record, '', 'PX', 1000)
  try('PEXPIRE', record, 1000)
  try('MSET', record, '', subject, '')
  redis.call('DEL', record, subject)
  if try('ZADD', index, 0, ARGV[1]) then redis.pcall('ZREM', index, ARGV[1]) end
end
return refused
`
