import { type Answer, isTaken, textOfAnswer } from './answer.ts'
import type { Looked } from './look.ts'
import { FIVE, MARKER } from './request.ts'
import type { ProbeRun } from './run.ts'

const ONCE = { 'if-none-match': '*' }
/** S3 API, conditional writes: the second is too late, or both came at once. */
const CONFLICTS = [409, 412]

/** Step 12: a condition that only the first of two uploads meets, one after another and at once. */
export async function probeWriteOnce(run: ProbeRun): Promise<Looked> {
  const key = run.newKey()
  const first = await run.put({ key, headers: ONCE })
  if (!isTaken(first)) return writeOnce('refused', [], [first])
  const second = await run.put({ key, headers: ONCE, signed: MARKER })
  const kept = CONFLICTS.includes(second.status) && (await run.sizeOf(key)) === FIVE.length
  if (!kept) return writeOnce('ignored', [], [first, second])
  const other = run.newKey()
  // Both have an end before anything is cleaned up, whatever becomes of one.
  const ended = await Promise.allSettled([
    run.put({ key: other, headers: ONCE }),
    run.put({ key: other, headers: ONCE, signed: MARKER }),
  ])
  const both = ended.map((each) => {
    if (each.status === 'rejected') throw each.reason
    return each.value
  })
  const conflicts = [second, ...both].filter(({ status }) => CONFLICTS.includes(status))
  const statuses = [...new Set(conflicts.map(({ status }) => status))].sort((a, b) => a - b)
  const won = both.filter(isTaken).length
  return writeOnce(won <= 1 ? 'if-none-match' : 'ignored', statuses, [first, second], both)
}

function writeOnce(
  value: 'if-none-match' | 'ignored' | 'refused',
  conflicts: readonly number[],
  inTurn: readonly Answer[],
  atOnce: readonly Answer[] = [],
): Looked {
  const inWords = (answers: readonly Answer[]) => answers.map(textOfAnswer).join(', ')
  const seen = `in turn: ${inWords(inTurn)}${atOnce.length > 0 ? `; at once: ${inWords(atOnce)}` : ''}`
  return {
    findings: [
      { step: 12, name: 'writeOnce', value, seen },
      { step: 12, name: 'writeOnceConflict', value: conflicts, seen },
    ],
    capabilities: { writeOnce: value },
    traits: { writeOnceConflict: conflicts },
  }
}

/** Step 14: a condition on the ETag that is there, in either way of writing it. */
export async function probeIfMatch(run: ProbeRun): Promise<Looked> {
  const key = run.newKey()
  await run.write({ key })
  const head = await run.head(key)
  const etag = head.found ? head.etag.replaceAll('"', '') : ''
  const wrong = `${etag.startsWith('0') ? '1' : '0'}${etag.slice(1)}`
  const seen: string[] = []
  const taken = async (label: string, value: string) => {
    const answer = await run.put({ key, headers: { 'if-match': value } })
    seen.push(`${label}: ${textOfAnswer(answer)}`)
    return isTaken(answer)
  }
  const told = (value: 'quoted' | 'bare' | 'ignored' | 'refused'): Looked => ({
    findings: [{ step: 14, name: 'ifMatch', value, seen: seen.join('; ') }],
    capabilities: { ifMatch: value },
  })
  if (await taken('wrong, quoted', `"${wrong}"`)) return told('ignored')
  if (await taken('quoted', `"${etag}"`)) return told('quoted')
  if (await taken('wrong, bare', wrong)) return told('ignored')
  return told((await taken('bare', etag)) ? 'bare' : 'refused')
}
