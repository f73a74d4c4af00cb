/** Redis' own clock: the only one that decides. Seconds and microseconds. */
export const REDIS_TIME = "redis.call('TIME')"

/** What is no record of ours: `rec`, and its numbers. */
export const RECORD_LUA = `if rec[1] ~= 1 or not rec[8] or not string.find('PSVXD', rec[2], 1, true)
    or not (rec[3] >= 0 and rec[4] >= -1 and rec[5] >= 0 and rec[8] >= 0 and rec[8] % 1 == 0) then
    error('an unreadable record')
  end`

/**
 * How `reserve` and `finish` begin: the clock, the only read, the fence. Values are streams of msgpack
 * without a head around them: unpacked into a table constructor, they come to a third of the time of
 * an array, as the table is made in its full size. Schema 1 or an error before something is written.
 *
 * What is stored may be anything, and a number that is none compares false with every limit. So each is
 * compared in a way that only a number passes: text and nil raise an error, NaN fails.
 *
 * KEYS 1 x:{tag} 2 e:{tag} 3 v:{tag}:rid 4.. q:{tag}:subject. ARGV 1 op 2 rid 3 fingerprint 4 epoch.
 */
export function openingLua(time: string): string {
  return `
local t = ${time}
local seconds, micros = t[1] + 0, t[2] + 0
local now = seconds * 1000 + (micros - micros % 1000) / 1000
local got = redis.call('MGET', unpack(KEYS, 2))
if got[1] ~= ARGV[4] then return {'FENCED', now, got[1] or ''} end
local op = ARGV[1]
local rec
if got[2] then
  rec = {cmsgpack.unpack(got[2])}
  ${RECORD_LUA}
end
`
}

/** What answers with the record as it stands. A replay writes, or the WAIT behind it proves nothing. */
export const STANDS_LUA = `
local function stands(code)
  redis.call('SET', KEYS[3], got[2], 'KEEPTTL')
  return {code, now, rec[2], rec[3], rec[4], rec[7]}
end
`

/** `MGET` says nil for other types: a key that is not ours is never written over. */
export const FOREIGN_LUA = `
local function foreign(first)
  local missing = {}
  for i = first, #KEYS do
    if not got[i - 1] then missing[#missing + 1] = KEYS[i] end
  end
  return #missing > 0 and redis.call('EXISTS', unpack(missing)) > 0
end
`

/**
 * A subject's state: `1, nr, (id, tat) × nr, (id, window, posted, pending) × n`, as in
 * `subject-state.ts`, whose second implementation this is. Places count from 1.
 */
export const RATE_LUA = `
local function rate(S, id)
  local last = 2 + 2 * S[2]
  for c = 3, last, 2 do
    if not (S[c] >= 0) then error('an unreadable subject') end
    if S[c] == id then return c end
  end
  table.insert(S, last + 1, id)
  table.insert(S, last + 2, 0)
  S[2] = S[2] + 1
  return last + 1
end
`

/**
 * What is no subject of ours: `S` and its length without head and rates, `n`. Counters are looked at
 * where they are used.
 */
export const SHAPE_LUA = `
    local n = #S - 2 - 2 * S[2]
    if S[1] ~= 1 or S[2] < 0 or S[2] % 1 ~= 0 or n < 0 or n % 4 ~= 0 then
      error('an unreadable subject')
    end
`

/** True unless `posted` and `pending` are whole numbers from 0 to 2^53 - 1, as their sum is. */
export const NO_COUNTER_LUA =
  'not (posted >= 0 and pending >= 0 and posted + pending <= 9007199254740991 and posted % 1 + pending % 1 == 0)'

/** The entry of a window that begins or runs: created, or rolled. nil: an older window. */
export const ENTRY_LUA = `
local function newest(S, id)
  local found
  for c = 3 + 2 * S[2], #S, 4 do
    -- One without a limit or a window would be taken for none, and its counter begin anew.
    if not (S[c] >= 0 and S[c + 1] >= 0) then error('an unreadable subject') end
    if S[c] == id and (not found or S[c + 1] > S[found + 1]) then found = c end
  end
  return found
end
local function entry(S, id, window)
  local c, n = newest(S, id), #S
  if not c then
    S[n + 1], S[n + 2], S[n + 3], S[n + 4] = id, window, 0, 0
    return n + 1
  end
  if S[c + 1] == window then return c end
  if S[c + 1] > window then return nil end
  if S[c + 3] > 0 then
    local older = n + 1
    for o = 3 + 2 * S[2], n, 4 do if S[o] == id and o ~= c then older = o break end end
    S[older], S[older + 1], S[older + 2], S[older + 3] = S[c], S[c + 1], S[c + 2], S[c + 3]
  end
  S[c + 1], S[c + 2], S[c + 3] = window, 0, 0
  return c
end
`

/** Nothing but totals of zero: need not be kept. */
export const IDLE_LUA = `
local function idle(S)
  if S[2] > 0 then return false end
  for c = 3, #S, 4 do
    if S[c + 1] ~= 0 or S[c + 2] ~= 0 or S[c + 3] ~= 0 then return false end
  end
  return true
end
`
