import {
  ENTRY_LUA,
  FOREIGN_LUA,
  IDLE_LUA,
  NO_COUNTER_LUA,
  openingLua,
  REDIS_TIME,
  SHAPE_LUA,
  STANDS_LUA,
} from './opening-lua.ts'

/**
 * All that ends or changes a reservation: `decideFinish` once more. Runs when memory is full as well:
 * settling and releasing must go on then.
 *
 * ARGV 5 look ms ('': as it is) 6 exp ms ('': as it is) 7 actual bytes 8 stored delta 9 objects delta
 * 10 note 11 '1': take the note 12 hold 13 limits 14 retention ms 15 the record from `actual` to its
 * subjects (A only) 16 the note that must be there ('': any; M only).
 */
export function finishLua(time: string = REDIS_TIME): string {
  return `#!lua flags=allow-oom
${openingLua(time)}${STANDS_LUA}${FOREIGN_LUA}
-- What is not there may be a key of another program, which MGET does not show.
local function unless_foreign(reply)
  if foreign(rec and 4 or 3) then error('a key of another program') end
  return reply
end
-- The last that is written: it must not fail when all else has been.
local retention = tonumber(ARGV[14])
if not (retention >= 1 and retention <= 2^50 and retention % 1 == 0) then
  error('a retention out of range')
end
if rec and rec[6] ~= ARGV[3] then return {'CONFLICT', now, rec[2]} end
local state = rec and rec[2]
local note = ARGV[11] == '1' and ARGV[10] or rec and rec[7] or ''

if op == 'M' or op == 'G' then
  if not rec then return unless_foreign({'UNKNOWN', now}) end
  if state ~= (op == 'M' and 'P' or 'D') then return stands('TERMINAL') end
  if ARGV[16] ~= '' and ARGV[16] ~= rec[7] then return stands('EXISTS') end
  rec[7] = note
  if op == 'M' then
    if ARGV[6] ~= '' then rec[3] = math.max(rec[3], tonumber(ARGV[6])) end
    if ARGV[5] ~= '' then redis.call('ZADD', KEYS[1], now + ARGV[5], ARGV[2]) end
    redis.call('SET', KEYS[3], cmsgpack.pack(unpack(rec)))
  else
    redis.call('ZREM', KEYS[1], ARGV[2])
    redis.call('SET', KEYS[3], cmsgpack.pack(unpack(rec)), 'PX', ARGV[14])
  end
  return {'OK', now, 0}
end

local H, L, h = nil, nil, 1
if op == 'L' or op == 'A' then
  if rec and (op == 'A' or state ~= 'V' and state ~= 'X') then return stands('EXISTS') end
  H, L = {cmsgpack.unpack(ARGV[12])}, {cmsgpack.unpack(ARGV[13])}
else
  if not rec then return unless_foreign({'UNKNOWN', now}) end
  if state ~= 'P' then
    local same = state == op and (op ~= 'S' or rec[4] == tonumber(ARGV[7]))
    return stands(same and 'DUP' or 'TERMINAL')
  end
  if op == 'X' and now < rec[3] then return {'EARLY', now, rec[3]} end
  -- The hold lies at the end of the record, behind its subjects.
  H, h = rec, 9 + rec[8]
end

local settled = op == 'S' or op == 'L'
local actual = tonumber(ARGV[7])
local function becomes(kind, amount)
  if kind == 2 then return (op == 'A' or op == 'L' and rec) and 0 or amount end
  if not settled then return 0 end
  if kind == 0 then return actual end
  if kind == 1 then return amount end
  if kind == 3 then return tonumber(ARGV[8]) end
  if kind == 5 then return tonumber(ARGV[9]) end
  return 0
end
local k, w, gone, denied, excess, reserved = 0, {}, {}, {}, 0, nil
${ENTRY_LUA}${IDLE_LUA}
for s = 4, #KEYS do
  local packed, S = got[s - 1], {1, 0}
  if packed then
    S = {cmsgpack.unpack(packed)}
    ${SHAPE_LUA}
  end
  local count = H[h] or 0
  if not (count >= 0 and count % 1 == 0) then error('an unreadable record') end
  local last = h + 4 * count
  for e = h + 1, last, 4 do
    local id, window, amount, kind = H[e], H[e + 1], H[e + 2], H[e + 3]
    k = k + 1
    if not (amount >= 0 and amount <= 2^50 and amount % 1 == 0) then error('an unreadable record') end
    if kind == 0 or kind == 3 and amount > 0 then reserved = math.max(reserved or 0, amount) end
    local c
    for p = 3 + 2 * S[2], #S, 4 do if S[p] == id and S[p + 1] == window then c = p break end end
    -- A window older than the two that are kept counts no more; one never seen is opened.
    c = c or entry(S, id, window)
    if c then
      local posted, pending = S[c + 2], S[c + 3]
      if ${NO_COUNTER_LUA} then error('an unreadable subject') end
      local post = becomes(kind, amount)
      local use = op == 'A' and amount or op == 'L' and 0 or -amount
      posted, pending = posted + post, pending + use
      if posted < 0 or pending < 0 or posted + pending > 2^52 then
        return unless_foreign({'CORRUPT', now, k})
      end
      if L and posted + pending > L[k] and post + use > 0 then
        denied[#denied + 1] = k
        excess = math.max(excess, posted + pending - L[k])
      end
      S[c + 2], S[c + 3] = posted, pending
    end
  end
  h = last + 1
  if S[2] == 0 and idle(S) then
    if packed then gone[#gone + 1] = KEYS[s] end
  else
    w[#w + 1] = KEYS[s]
    w[#w + 1] = cmsgpack.pack(unpack(S))
  end
end
-- Entries of a subject that was not named would stay pending for ever.
if h <= #H then return {'CORRUPT', now, k + 1} end
unless_foreign()

-- An ended record keeps of its subjects the first, whose it is, and no hold.
local owner = rec and rec[9]
if op == 'L' then owner = string.sub(KEYS[4], #KEYS[1] + 2) end
if op == 'L' and #denied > 0 then
  redis.call('ZADD', KEYS[1], now + ARGV[5], ARGV[2])
  local exp = rec and rec[3] or now
  redis.call('SET', KEYS[3], cmsgpack.pack(1, 'D', exp, actual, 0, ARGV[3], note, 1, owner))
  return {'DENIED', now, denied}
end
local kept, over
if op == 'A' then
  over = excess
  redis.call('ZADD', KEYS[1], now + ARGV[5], ARGV[2])
  kept = cmsgpack.pack(1, 'P', tonumber(ARGV[6])) .. ARGV[15] .. ARGV[12]
else
  over = op == 'S' and reserved and math.max(0, actual - reserved) or 0
  local exp, ended = rec and rec[3] or now, op == 'L' and 'S' or op
  local size = settled and actual or rec[4]
  kept = cmsgpack.pack(1, ended, exp, size, over, ARGV[3], note, 1, owner)
  redis.call('ZREM', KEYS[1], ARGV[2])
end
w[#w + 1] = KEYS[3]
w[#w + 1] = kept
redis.call('MSET', unpack(w))
if #gone > 0 then redis.call('DEL', unpack(gone)) end
if op ~= 'A' then redis.call('PEXPIRE', KEYS[3], ARGV[14]) end
return {'OK', now, over}
`
}
