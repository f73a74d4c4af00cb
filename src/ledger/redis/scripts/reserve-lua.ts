import { openingLua, REDIS_TIME, SUBJECT_LUA } from './opening-lua.ts'

/**
 * Reserve, look and charge: `decideAdmit` once more. Without flags, so that Redis refuses it when its
 * memory is full, before it starts. All is read and decided before the first write, and what can fail
 * is written first: a script is not rolled back.
 *
 * ARGV 5 deadline ms (0: none) 6 ttl ms 7 look ms 8 hold 9 check 10 note.
 */
export function reserveLua(time: string = REDIS_TIME): string {
  return `#!lua
${openingLua(time)}${SUBJECT_LUA}
local op = ARGV[1]
if rec and op == 'R' then
  if rec[3] == ARGV[3] then return stands('EXISTS') end
  return {'CONFLICT', now, rec[2]}
end
local deadline = tonumber(ARGV[5])
if deadline > 0 and now > deadline then return {'STALE', now} end
local H, C = cmsgpack.unpack(ARGV[8]), cmsgpack.unpack(ARGV[9])
-- Both ends: a fast clock of a gateway must not roll a window early.
if now < C[1] or now >= C[2] then return {'PERIOD', now} end
local us = (t[1] - 1735689600) * 1000000 + t[2]
local levels, l, denied, d, k, h, q, w, nw, gone = {}, 0, {}, 0, 0, 1, 3, {}, 0, nil
for s = 4, #KEYS do
  local packed = got[s - 1]
  local S, c = packed and read(packed) or {1, 0}, 3
  local nr = C[q]
  for _ = 1, nr do
    local id, inc, tau = C[q + 1], C[q + 2], C[q + 3]
    if S[c] ~= id or c > 1 + 2 * S[2] then c = rate(S, id) end
    local tat, top = S[c + 1], us + tau
    if tat < us then tat = us end
    -- The clock stepped back: one request passes and leaves the burst used up.
    if tat > top + 60000000 then tat = math.max(us, top - inc) end
    l, k = l + 1, k + 1
    levels[l], S[c + 1] = top - tat, tat + inc
    if inc > 0 and tat + inc > top then d = d + 1; denied[d] = k end
    q, c = q + 3, c + 2
  end
  q, c = q + 1, 3 + 2 * S[2]
  local ordered = true
  for _ = 1, H[h] do
    local id, window, amount = H[h + 1], H[h + 2], H[h + 3]
    -- As long as every entry is where it is expected, it is the newest of its limit.
    if not ordered or S[c] ~= id or S[c + 1] ~= window then
      if S[c] ~= id then ordered = false end
      c = entry(S, id, window)
      if not c then return {'PERIOD', now} end
    end
    local posted, pending = S[c + 2], S[c + 3]
    l, k = l + 2, k + 1
    levels[l - 1], levels[l] = posted, pending
    if amount > 0 and posted + pending + amount > C[q] then d = d + 1; denied[d] = k end
    if op == 'C' then S[c + 2] = posted + amount else S[c + 3] = pending + amount end
    h, q, c = h + 4, q + 1, c + 4
  end
  h = h + 1
  if S[2] == 0 and idle(S) then
    if packed then gone = gone or {}; gone[#gone + 1] = KEYS[s] end
  else
    w[nw + 1], w[nw + 2], nw = KEYS[s], cmsgpack.pack(S), nw + 2
  end
end
if d > 0 then return {'DENIED', now, denied, levels} end
if op == 'Q' then return {'OK', now, 0, levels} end
if foreign(op == 'R' and 3 or 4) then error('a key of another program') end
if op == 'R' then
  redis.call('ZADD', KEYS[1], now + ARGV[7], ARGV[2])
  local new = {1, 'P', ARGV[3], now + ARGV[6], ARGV[8], ARGV[10], -1, 0}
  local first = #KEYS[1] + 2
  for s = 4, #KEYS do new[s + 5] = string.sub(KEYS[s], first) end
  -- No time to live while pending.
  w[nw + 1], w[nw + 2], nw = KEYS[3], cmsgpack.pack(new), nw + 2
end
if nw > 0 then redis.call('MSET', unpack(w)) end
if gone then redis.call('DEL', unpack(gone)) end
if op == 'C' then return {'OK', now, 0, levels} end
return {'OK', now, now + ARGV[6], levels}
`
}
