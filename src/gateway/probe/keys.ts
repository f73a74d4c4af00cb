import { MAX_KEY_BYTES } from '../../object-key.ts'
import { placedKey } from '../../stores/object-url.ts'
import { isDenied, isOfStore, isTaken, textOfAnswer } from './answer.ts'
import type { Looked } from './look.ts'
import { FIVE } from './request.ts'
import type { ProbeRun } from './run.ts'

/** A kind of keys that servers are known to lose: what they hold, and how to write one. */
interface OddKey {
  readonly name: string
  /** What every such key contains; absent where that is no text of its own. */
  readonly part?: string
  readonly write: (room: number) => string
}

const PUNCTUATION = [..."()'*!~@=;:&?#"]
/** Combining characters are what tells NFD from NFC. */
const COMBINING_ACUTE = '\u0301'

function holding(part: string, name = part): OddKey {
  return { name, part, write: () => `a${part}b` }
}

const ODD_KEYS: readonly OddKey[] = [
  holding(' ', 'space'),
  holding('+'),
  holding('%'),
  holding('%2F'),
  holding('//'),
  holding('\u00e9', 'NFC'),
  { ...holding(COMBINING_ACUTE, 'NFD'), write: () => `ae${COMBINING_ACUTE}b` },
  holding('\u{1f600}', 'emoji'),
  // Segments that every file system takes, so that it is the length alone that is looked at.
  { name: '1024 bytes', write: (room) => longKey(room, 200) },
  { name: 'segment of 300 bytes', write: () => 'n'.repeat(300) },
]

/**
 * Step 21: keys of odd but legal characters, each by PUT, HEAD and LIST, or GET where listing is denied:
 * the same bytes must come back.
 * What is broken is told by the part that makes it so; lengths are findings only.
 */
export async function probeKeys(run: ProbeRun): Promise<Looked> {
  const fails: OddKey[] = []
  const seen: string[] = []
  const note = async (odd: OddKey) => {
    const failure = await failureOf(run, odd)
    if (failure === undefined) return true
    seen.push(`${odd.name}: ${failure}`)
    return false
  }
  for (const odd of ODD_KEYS) if (!(await note(odd))) fails.push(odd)
  // One key stands for them all, and only where it fails is each looked at for itself.
  const all = holding(PUNCTUATION.join(''), 'punctuation')
  if (!(await note(all))) {
    for (const character of PUNCTUATION) {
      const odd = holding(character)
      if (!(await note(odd))) fails.push(odd)
    }
  }
  const broken = fails.flatMap(({ part }) => part ?? [])
  const value = fails.map(({ name }) => name)
  return {
    findings: [{ step: 21, name: 'keys', value, seen: seen.join('; ') || 'all come back' }],
    capabilities: { brokenKeys: [...new Set([...untried(run), ...broken])] },
  }
}

/** What the profile knows to be broken and is not tried here stays so. */
function untried(run: ProbeRun): readonly string[] {
  const tried = new Set([...ODD_KEYS.flatMap(({ part }) => part ?? []), ...PUNCTUATION])
  return run.placement.store.capabilities.brokenKeys.filter((part) => !tried.has(part))
}

async function failureOf(run: ProbeRun, odd: OddKey): Promise<string | undefined> {
  // A folder of its own, for what comes back may be anything.
  const folder = `${run.newKey()}/`
  const room = MAX_KEY_BYTES - placedKey(run.place(`${folder}x`)).length + 1
  const key = folder + odd.write(room)
  const answer = await run.put({ key, takes500: true })
  if (!isTaken(answer)) return textOfAnswer(answer)
  const head = await run.head(key)
  if (!head.found) return `${answer.status}, not there`
  const listed = await namesIn(run, folder)
  if (listed === undefined) return (await isReadable(run, key)) ? undefined : 'cannot be read'
  return listed.includes(key) ? undefined : 'listed under another name'
}

/** Names below a folder of the probe's; undefined where the credential may not list. */
async function namesIn(run: ProbeRun, folder: string): Promise<readonly string[] | undefined> {
  try {
    const request = { prefix: folder, limit: 10 }
    const { objects } = await run.storeClient.list(run.placement, request)
    const names = objects.map(({ key }) => key)
    for (const name of names) run.written.add(name)
    return names
  } catch (error) {
    if (!isOfStore(error) || !isDenied(error.details.facts ?? {})) throw error
    return undefined
  }
}

async function isReadable(run: ProbeRun, key: string): Promise<boolean> {
  const got = await run.read({ method: 'GET', key })
  return isTaken(got) && got.text === FIVE
}

function longKey(room: number, segment: number): string {
  const text = `${'n'.repeat(segment)}/`.repeat(Math.ceil(room / segment))
  return text.slice(0, room).replace(/\/$/, 'n')
}
