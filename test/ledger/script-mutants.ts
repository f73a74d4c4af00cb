import type { ScriptName } from '../../src/ledger/redis/scripts/load-scripts.ts'
import { NO_COUNTER_LUA } from '../../src/ledger/redis/scripts/opening-lua.ts'
import type { Guarantee } from './script-guarantees.ts'
import type { ScriptTexts } from './scripts-under-test.ts'

/** A script with one protection taken away, and the guarantee that must fall with it. */
export interface Mutant {
  readonly without: string
  readonly script: ScriptName
  /** What is replaced by what; each must be there. */
  readonly edits: readonly (readonly [from: string, to: string])[]
  readonly falls: Guarantee
}

const EPOCH_CHECK = "if got[1] ~= ARGV[4] then return {'FENCED', now, got[1] or ''} end"
const CONFLICT = "{'CONFLICT', now, rec[2]} end"
const REWRITE = "redis.call('SET', KEYS[3], got[2], 'KEEPTTL')"
const FOREIGN = "error('a key of another program')"
const OLDER_WINDOW = 'if S[c + 3] > 0 then'
const NO_NUMBER = 'a counter that is no number lets nothing in and is not written over'
const REPLAYS = 'a replay writes, so that the WAIT behind it proves something'

export const MUTANTS: readonly Mutant[] = [
  ...each(['reserve', 'finish'], (script) => ({
    without: 'the epoch check',
    script,
    edits: [[EPOCH_CHECK, '']],
    falls: 'an epoch that is over decides nothing',
  })),
  {
    without: 'the epoch check',
    script: 'claim',
    edits: [["if epoch ~= ARGV[1] then return {'FENCED', now, epoch or ''} end", '']],
    falls: 'an epoch that is over decides nothing',
  },
  ...each(['reserve', 'finish'], (script) => ({
    without: 'the write of a replay',
    script,
    edits: [[REWRITE, '']],
    falls: REPLAYS,
  })),
  ...each(['reserve', 'finish'], (script) => ({
    without: 'KEEPTTL',
    script,
    edits: [[", 'KEEPTTL'", '']],
    falls: 'a replay leaves an ended record its end',
  })),
  {
    without: 'the deadline',
    script: 'reserve',
    edits: [["if C[1] > 0 and now > C[1] then return {'STALE', now} end", '']],
    falls: 'nothing is done after the deadline',
  },
  {
    without: 'no time to live while pending (reserve)',
    script: 'reserve',
    edits: [["redis.call('MSET', unpack(w, 1, nw))", "$& redis.call('PEXPIRE', KEYS[3], 9999)"]],
    falls: 'what is pending has no end of its own',
  },
  {
    without: 'no time to live while pending (amend)',
    script: 'finish',
    edits: [
      [
        "redis.call('SET', KEYS[3], cmsgpack.pack(unpack(rec)))",
        "redis.call('SET', KEYS[3], cmsgpack.pack(unpack(rec)), 'PX', ARGV[14])",
      ],
    ],
    falls: 'what is pending has no end of its own',
  },
  {
    without: 'no time to live while pending (re-assert)',
    script: 'finish',
    edits: [["if op ~= 'A' then redis.call('PEXPIRE'", "if true then redis.call('PEXPIRE'"]],
    falls: 'what was put back has no end of its own',
  },
  {
    without: 'no time to live while condemned',
    script: 'finish',
    edits: [["  return {'DENIED', now, denied}", "  redis.call('PEXPIRE', KEYS[3], 9999)\n$&"]],
    falls: 'what is condemned has no end of its own, until it is gone',
  },
  {
    without: 'the retention of what has ended',
    script: 'finish',
    edits: [["if op ~= 'A' then redis.call('PEXPIRE', KEYS[3], ARGV[14]) end", '']],
    falls: 'what has ended is forgotten one day',
  },
  {
    without: 'the retention of what is gone',
    script: 'finish',
    edits: [[", 'PX', ARGV[14])", ')']],
    falls: 'what is condemned has no end of its own, until it is gone',
  },
  {
    without: 'the start of the period',
    script: 'reserve',
    edits: [['now < C[4] or now >= C[5]', 'now >= C[5]']],
    falls: 'a gateway whose clock is ahead rolls no window early',
  },
  {
    without: 'the end of the period',
    script: 'reserve',
    edits: [['now < C[4] or now >= C[5]', 'now < C[4]']],
    falls: 'a gateway whose clock is behind charges no window that is over',
  },
  {
    without: 'the fingerprint',
    script: 'reserve',
    edits: [[`if rec[6] ~= ARGV[3] then return ${CONFLICT}`, '']],
    falls: 'another request under a known id is a conflict',
  },
  {
    without: 'the fingerprint',
    script: 'finish',
    edits: [[`if rec and rec[6] ~= ARGV[3] then return ${CONFLICT}`, '']],
    falls: 'a forged ending is a conflict',
  },
  {
    without: 'the older window',
    script: 'reserve',
    edits: [[OLDER_WINDOW, 'if false then']],
    falls: 'a settle lands in the window that was reserved in',
  },
  {
    without: 'spent requests',
    script: 'finish',
    edits: [["if kind == 2 then return (op == 'A' or op == 'L' and rec) and 0 or amount end", '']],
    falls: 'requests stay spent when nothing comes of them',
  },
  {
    without: 'the most that a counter holds',
    script: 'finish',
    edits: [[' or posted + pending > 2^52', '']],
    falls: 'no counter grows past what is exact',
  },
  {
    without: 'the floor of the TAT at now',
    script: 'reserve',
    edits: [['if tat < us then tat = us end', '']],
    falls: 'rest does not add to the burst',
  },
  {
    without: 'the return on denial',
    script: 'reserve',
    edits: [["if denied then return {'DENIED', now, denied, levels} end", '']],
    falls: 'a refusal leaves everything as it was',
  },
  {
    without: 'the return on denial before the writes',
    script: 'reserve',
    edits: [
      ["if denied then return {'DENIED', now, denied, levels} end", ''],
      [
        "return {'OK', now, exp, levels}",
        "return {denied and 'DENIED' or 'OK', now, denied or exp, levels}",
      ],
    ],
    falls: 'a refusal leaves everything as it was',
  },
  {
    without: 'the return of a look before the writes',
    script: 'reserve',
    edits: [["if op == 'Q' then return {'OK', now, 0, levels} end", '']],
    falls: 'a look leaves everything as it was',
  },
  {
    without: 'the return on a late denial before the counters',
    script: 'finish',
    edits: [["if op == 'L' and #denied > 0 then", "$& redis.call('MSET', unpack(w))"]],
    falls: 'a condemned object is charged to nobody',
  },
  {
    without: 'ZREM at the end',
    script: 'finish',
    edits: [["  redis.call('ZREM', KEYS[1], ARGV[2])\nend", 'end']],
    falls: 'what has ended leaves the index',
  },
  {
    without: 'ZREM of what is gone',
    script: 'finish',
    edits: [
      ["    redis.call('ZREM', KEYS[1], ARGV[2])\n    redis.call('SET'", "    redis.call('SET'"],
    ],
    falls: 'what is condemned leaves the index when it is gone',
  },
  ...each(['finish', 'claim'], (script) => ({
    without: 'allow-oom',
    script,
    edits: [['#!lua flags=allow-oom', '#!lua']],
    falls: 'when memory is full what is there still ends',
  })),
  {
    without: 'the refusal of new work when memory is full',
    script: 'reserve',
    edits: [['#!lua', '#!lua flags=allow-oom']],
    falls: 'when memory is full nothing new begins',
  },
  {
    without: 'the check for foreign keys',
    script: 'reserve',
    edits: [[FOREIGN, 'taken = true']],
    falls: 'a key of another program is not reserved over',
  },
  {
    without: 'the look at the other records of a batch',
    script: 'reserve',
    edits: [['if got[i - 1] then\n      local rec', 'if false then\n      local rec']],
    falls: 'a batch writes over no record that is known',
  },
  {
    without: 'the check for foreign keys among the records of a batch',
    script: 'reserve',
    edits: [['if fresh or batch then', 'if fresh then']],
    falls: 'a batch is not reserved over a key of another program',
  },
  {
    without: 'the looks at all but the first of a batch',
    script: 'reserve',
    edits: [['unpack(looks)', 'unpack(looks, 1, 2)']],
    falls: 'each of a batch is pending for good, due with the others, with a hold of its own',
  },
  {
    without: 'the hold of each of a batch',
    script: 'reserve',
    edits: [['head .. ARGV[i]', 'head .. ARGV[8]']],
    falls: 'each of a batch is pending for good, due with the others, with a hold of its own',
  },
  {
    without: 'the return on denial',
    script: 'reserve',
    edits: [["if denied then return {'DENIED', now, denied, levels} end", '']],
    falls: 'a batch that is refused leaves everything as it was',
  },
  {
    without: 'the write of a replay',
    script: 'reserve',
    edits: [[REWRITE, '']],
    falls: 'a replay of a batch writes, and counts once',
  },
  {
    without: 'the check for foreign keys',
    script: 'finish',
    edits: [[FOREIGN, 'local ignored = true']],
    falls: 'a key of another program is not settled over',
  },
  ...each(['reserve', 'finish'], (script) => ({
    without: 'the schema of a subject',
    script,
    edits: [['S[1] ~= 1 or S[2] < 0', 'S[2] < 0']],
    falls: 'a subject that cannot be read is not written over',
  })),
  ...each(['reserve', 'finish'], (script) => ({
    without: 'the length of a subject',
    script,
    edits: [[' or n < 0 or n % 4 ~= 0', '']],
    falls: 'a subject that cannot be read is not written over',
  })),
  ...each(['reserve', 'finish'], (script) => ({
    without: 'the check of counters',
    script,
    edits: [[NO_COUNTER_LUA, 'false']],
    falls: NO_NUMBER,
  })),
  ...each(['reserve', 'finish'], (script) => ({
    without: 'the sign of counters',
    script,
    edits: [['posted >= 0 and pending >= 0 and ', '']],
    falls: NO_NUMBER,
  })),
  ...each(['reserve', 'finish'], (script) => ({
    without: 'the range of counters',
    script,
    edits: [[' and posted + pending <= 9007199254740991', '']],
    falls: NO_NUMBER,
  })),
  ...each(['reserve', 'finish'], (script) => ({
    without: 'that counters are whole',
    script,
    edits: [[' and posted % 1 + pending % 1 == 0', '']],
    falls: NO_NUMBER,
  })),
  ...each(['reserve', 'finish'], (script) => ({
    without: 'the check of limits and windows of counters',
    script,
    edits: [['if not (S[c] >= 0 and S[c + 1] >= 0)', 'if false']],
    falls: NO_NUMBER,
  })),
  {
    without: 'the check of the TAT',
    script: 'reserve',
    edits: [['if not (tat >= 0 and tat <= 9007199254740991 and tat % 1 == 0)', 'if false']],
    falls: NO_NUMBER,
  },
  {
    without: 'the check of the numbers of a record',
    script: 'finish',
    edits: [
      [
        'or not (rec[3] >= 0 and rec[4] >= -1 and rec[5] >= 0 and rec[8] >= 0 and rec[8] % 1 == 0)',
        '',
      ],
    ],
    falls: 'a record whose numbers are none ends nothing',
  },
  {
    without: 'the check of the length of a hold',
    script: 'finish',
    edits: [['if not (count >= 0 and count % 1 == 0)', 'if false']],
    falls: 'a record whose numbers are none ends nothing',
  },
  {
    without: 'the check of the amounts of a hold',
    script: 'finish',
    edits: [['if not (amount >= 0 and amount <= 2^50 and amount % 1 == 0)', 'if false']],
    falls: 'a record whose numbers are none ends nothing',
  },
  {
    without: 'the bounds of a retention',
    script: 'finish',
    edits: [['if not (retention >= 1 and retention <= 2^50 and retention % 1 == 0)', 'if false']],
    falls: 'a retention that Redis would not take is noticed before anything is written',
  },
  {
    without: 'EARLY',
    script: 'finish',
    edits: [["if op == 'X' and now < rec[3] then return {'EARLY', now, rec[3]} end", '']],
    falls: 'nothing expires before its time',
  },
  {
    without: 'the later of two ends',
    script: 'finish',
    edits: [['math.max(rec[3], tonumber(ARGV[6]))', 'tonumber(ARGV[6])']],
    falls: 'an amendment never brings the end nearer',
  },
  {
    without: 'the note that was read',
    script: 'finish',
    edits: [["if ARGV[16] ~= '' and ARGV[16] ~= rec[7] then return stands('EXISTS') end", '']],
    falls: 'an amendment never undoes one that it does not know',
  },
  {
    without: 'the lease',
    script: 'claim',
    edits: [["if #due > 0 then redis.call('ZADD', KEYS[1], unpack(moved)) end", '']],
    falls: 'a lease keeps others away',
  },
]

/** The texts with a mutant's edits. Throws when a piece is not there: the mutant is out of date. */
export function mutated(texts: ScriptTexts, { without, script, edits }: Mutant): ScriptTexts {
  let text = texts[script]
  for (const [from, to] of edits) {
    if (!text.includes(from)) {
      throw new Error(`Cannot take "${without}" away from ${script}: "${from}" is not there`)
    }
    text = text.replaceAll(from, to)
  }
  return { ...texts, [script]: text }
}

function each(
  scripts: readonly ScriptName[],
  mutantOf: (script: ScriptName) => Mutant,
): readonly Mutant[] {
  return scripts.map(mutantOf)
}
