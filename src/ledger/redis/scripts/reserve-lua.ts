import {
  ENTRY_LUA,
  FOREIGN_LUA,
  IDLE_LUA,
  NO_COUNTER_LUA,
  openingLua,
  RATE_LUA,
  RECORD_LUA,
  REDIS_TIME,
  SHAPE_LUA,
} from './opening-lua.ts'

/**
 * Reserve, look and charge: `decideAdmit` once more. Without flags, so that Redis refuses it when its
 * memory is full, before it starts. All is read and decided before the first write, and what can fail
 * is written first: a script is not rolled back.
 *
 * Functions stand where they are needed, as each that is made costs 0.1 µs in every run; and tables
 * that every run fills start in their usual size, as growing one costs as much as filling it.
 *
 * ARGV 5 hold 6 deadline ms (0: none), ttl ms, look ms, check 7 the record from `actual` to its
 * subjects. A batch has one record from `actual` to the end of its own hold in each of ARGV 8.., and the
 * keys of all but the first behind the subjects.
 */
export function reserveLua(time: string = REDIS_TIME): string {
  return `#!lua
${openingLua(time)}
if rec and op == 'R' then
  if rec[6] ~= ARGV[3] then return {'CONFLICT', now, rec[2]} end
  -- A replay writes, or the WAIT behind it would prove nothing.
  redis.call('SET', KEYS[3], got[2], 'KEEPTTL')
  return {'EXISTS', now, rec[2], rec[3], rec[4], rec[7]}
end
local batch, subjects = ARGV[8], #KEYS
if batch then
  subjects = subjects - #ARGV + 8
  for i = subjects + 1, #KEYS do
    if got[i - 1] then
      local rec = {cmsgpack.unpack(got[i - 1])}
      ${RECORD_LUA}
      return {'CONFLICT', now, rec[2]}
    end
  end
end
local H, C = {cmsgpack.unpack(ARGV[5])}, {cmsgpack.unpack(ARGV[6])}
if C[1] > 0 and now > C[1] then return {'STALE', now} end
-- Both ends: a fast clock of a gateway must not roll a window early.
if now < C[4] or now >= C[5] then return {'PERIOD', now} end
local us = (seconds - 1735689600) * 1000000 + micros
local levels = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
local w, denied, gone = {0, 0, 0, 0, 0, 0}, nil, nil
local fresh = false
local l, d, k, h, q, nw, charge = 0, 0, 0, 1, 6, 0, op == 'C'
for s = 4, subjects do
  local packed, S, c = got[s - 1], nil, 3
  if packed then
    S = {cmsgpack.unpack(packed)}
    ${SHAPE_LUA}
  else
    S, fresh = {1, 0}, true
  end
  for _ = 1, C[q] do
    local id, inc, tau = C[q + 1], C[q + 2], C[q + 3]
    if S[c] ~= id or c > 1 + 2 * S[2] then
      ${RATE_LUA}
      c = rate(S, id)
    end
    local tat, top = S[c + 1], us + tau
    if not (tat >= 0 and tat <= 9007199254740991 and tat % 1 == 0) then
      error('an unreadable subject')
    end
    if tat < us then tat = us end
    -- The clock stepped back: one request passes and leaves the burst used up.
    if tat > top + 60000000 then tat = math.max(us, top - inc) end
    l, k = l + 1, k + 1
    levels[l], S[c + 1] = top - tat, tat + inc
    if inc > 0 and tat + inc > top then
      denied = denied or {}
      d = d + 1
      denied[d] = k
    end
    q, c = q + 3, c + 2
  end
  q, c = q + 1, 3 + 2 * S[2]
  local ordered = true
  for _ = 1, H[h] do
    local id, window, amount = H[h + 1], H[h + 2], H[h + 3]
    -- As long as every entry is where it is expected, it is the newest of its limit.
    if not ordered or S[c] ~= id or S[c + 1] ~= window then
      if S[c] ~= id then ordered = false end
      ${ENTRY_LUA}
      c = entry(S, id, window)
      if not c then return {'PERIOD', now} end
    end
    local posted, pending = S[c + 2], S[c + 3]
    if ${NO_COUNTER_LUA} then error('an unreadable subject') end
    l, k = l + 2, k + 1
    levels[l - 1], levels[l] = posted, pending
    if amount > 0 and posted + pending + amount > C[q] then
      denied = denied or {}
      d = d + 1
      denied[d] = k
    end
    if charge then S[c + 2] = posted + amount else S[c + 3] = pending + amount end
    h, q, c = h + 4, q + 1, c + 4
  end
  h = h + 1
  local empty = false
  if S[2] == 0 then
    ${IDLE_LUA}
    empty = idle(S)
  end
  if not empty then
    w[nw + 1], w[nw + 2], nw = KEYS[s], cmsgpack.pack(unpack(S)), nw + 2
  elseif packed then
    gone = gone or {}
    gone[#gone + 1] = KEYS[s]
  end
end
-- A reply ends before its first nil.
levels[l + 1] = nil
if denied then return {'DENIED', now, denied, levels} end
-- As a rule nothing but the record is new.
local first, taken = op == 'R' and 3 or 4, false
if fresh or batch then
  ${FOREIGN_LUA}
  taken = foreign(first)
elseif op == 'R' then
  taken = redis.call('EXISTS', KEYS[3]) > 0
end
if taken then error('a key of another program') end
if op == 'Q' then return {'OK', now, 0, levels} end
local exp = 0
if op == 'R' then
  exp = now + C[2]
  -- Head of the stream, then what the gateway has packed. No time to live while pending.
  if not batch then
    redis.call('ZADD', KEYS[1], now + C[3], ARGV[2])
    w[nw + 1], w[nw + 2], nw = KEYS[3], '\\1\\161P' .. cmsgpack.pack(exp) .. ARGV[7] .. ARGV[5], nw + 2
  else
    local head, looks, from = '\\1\\161P' .. cmsgpack.pack(exp), {}, #KEYS[3] - #ARGV[2] + 1
    for i = 8, #ARGV do
      local key = i > 8 and KEYS[subjects + i - 8] or KEYS[3]
      looks[2 * i - 15], looks[2 * i - 14] = now + C[3], string.sub(key, from)
      w[nw + 1], w[nw + 2], nw = key, head .. ARGV[i], nw + 2
    end
    -- Two for each of 1,000: Lua hands over some 8,000 values at once.
    redis.call('ZADD', KEYS[1], unpack(looks))
  end
end
if nw > 0 then redis.call('MSET', unpack(w, 1, nw)) end
if gone then redis.call('DEL', unpack(gone)) end
return {'OK', now, exp, levels}
`
}
