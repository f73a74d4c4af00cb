import { claimLua } from './claim-lua.ts'
import { FENCE_LUA } from './fence-lua.ts'
import { finishLua } from './finish-lua.ts'
import { REDIS_TIME } from './opening-lua.ts'
import { PROBE_LUA } from './probe-lua.ts'
import { REPAIR_LUA } from './repair-lua.ts'
import { reserveLua } from './reserve-lua.ts'

/** The scripts of the ledger; what a name stands for changes with its text, so versions run side by side. */
export type ScriptName = 'reserve' | 'finish' | 'claim' | 'fence' | 'repair' | 'probe'

/** Texts of all scripts. `time`: a Lua expression for seconds and microseconds; tests bring their own. */
export function scriptTexts(time: string = REDIS_TIME): Readonly<Record<ScriptName, string>> {
  return {
    reserve: reserveLua(time),
    finish: finishLua(time),
    claim: claimLua(time),
    fence: FENCE_LUA,
    repair: REPAIR_LUA,
    probe: PROBE_LUA,
  }
}
