import { parseAclAnswer } from '../../stores/acl-answer.ts'
import type { Capabilities } from '../../stores/capabilities.ts'
import { isDenied, isOfStore, isRefused, isTaken, textOfAnswer, textOfError } from './answer.ts'
import { finding, type Looked, together } from './look.ts'
import type { Attempt } from './request.ts'
import type { ProbeRun, Told } from './run.ts'
import { isTagged, TAGGING } from './signed-headers.ts'

/** What became of a header that nobody signed. */
type Outcome = 'refused' | 'ignored' | 'effective' | 'unknown'

/** One header, what is sent as it, and how to see whether it took effect: `undefined` if one cannot. */
interface Unsigned {
  readonly name: string
  readonly headers: (run: ProbeRun) => Readonly<Record<string, string>>
  readonly tookEffect: (run: ProbeRun, key: string) => Promise<boolean | undefined>
}

const LOCKED_MS = 60_000
const ALL_USERS = 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'

/** Swift and Ceph know metadata by Swift's own name as well. */
const METADATA = [metadataBy('x-amz-meta-added'), metadataBy('x-object-meta-added')]
/** Behind WSGI, `_` is `-`; what looks for the one may not look for the other. */
const ACLS = [
  aclBy('x-amz-acl', 'public-read'),
  aclBy('x_amz_acl', 'public-read'),
  aclBy('x-amz-grant-read', ALL_USERS),
]
const OTHERS: readonly Unsigned[] = [
  { name: 'x-amz-tagging', headers: () => TAGGING, tookEffect: isTagged },
  // A class that every store has: that there is no such class would prove nothing.
  {
    name: 'x-amz-storage-class',
    headers: () => ({ 'x-amz-storage-class': 'STANDARD' }),
    tookEffect: async (run) => ((await ignoresClasses(run)) ? false : undefined),
  },
  shownByHead('x-amz-website-redirect-location', () => ({
    'x-amz-website-redirect-location': '/',
  })),
  // It stands for all of its kind: with a key of the holder's own nobody else could read the object.
  shownByHead('x-amz-server-side-encryption', () => ({
    'x-amz-server-side-encryption': 'AES256',
  })),
  shownByHead('x-amz-object-lock-mode', (run) => ({
    'x-amz-object-lock-mode': 'GOVERNANCE',
    'x-amz-object-lock-retain-until-date': new Date(run.lifetime().nowMs + LOCKED_MS).toISOString(),
  })),
]

/**
 * Step 10: headers that nobody signed, each on an object of its own. What was taken and cannot be looked
 * at counts as effective. An object that may have become public is removed at once.
 */
export async function probeUnsignedHeaders(run: ProbeRun): Promise<Looked> {
  const look = async (all: readonly Unsigned[]) => {
    const looks: Looked[] = []
    for (const unsigned of all) looks.push(await probeOne(run, unsigned))
    return looks
  }
  const [metadata, acls, others] = [await look(METADATA), await look(ACLS), await look(OTHERS)]
  const value = levelOf(...[metadata, acls, others].map(outcomesOf))
  const all = together(...metadata, ...acls, ...others)
  const summary = finding(10, 'unsignedHeaders', { value, seen: 'the worst of all' })
  if (value === 'unknown') return together(all, summary)
  return together(all, { ...summary, capabilities: { unsignedHeaders: value } })
}

/** By what is worst; that something has no outcome is only forgiven where worse is known. */
function levelOf(
  metadata: readonly Outcome[] = [],
  acls: readonly Outcome[] = [],
  others: readonly Outcome[] = [],
): Exclude<Capabilities['unsignedHeaders'], 'probe'> | 'unknown' {
  const levels = [
    [metadata, 'accept'],
    [acls, 'reject-meta'],
    [others, 'reject-some'],
  ] as const
  for (const [outcomes, level] of levels) {
    if (outcomes.includes('effective')) return level
    if (outcomes.includes('unknown')) return 'unknown'
  }
  return 'reject'
}

function outcomesOf(looks: readonly Looked[]): readonly Outcome[] {
  return looks.flatMap(({ findings }) => findings.map(({ value }) => value as Outcome))
}

async function probeOne(run: ProbeRun, unsigned: Unsigned): Promise<Looked> {
  try {
    const { outcome, seen } = await outcomeOf(run, unsigned)
    return finding(10, unsigned.name, { value: outcome, seen })
  } catch (error) {
    if (!isOfStore(error)) throw error
    return finding(10, unsigned.name, { value: 'unknown', seen: textOfError(error) })
  }
}

async function outcomeOf(
  run: ProbeRun,
  { headers, tookEffect }: Unsigned,
): Promise<{ readonly outcome: Outcome; readonly seen: string }> {
  const key = run.newKey()
  const attempt: Attempt = { key, unsigned: headers(run) }
  let isThere = true
  try {
    const answer = await run.put(attempt)
    const seen = textOfAnswer(answer)
    if (isRefused(answer) && (await run.sizeOf(key)) === undefined) {
      isThere = false
      return { outcome: 'refused', seen }
    }
    const effective = await tookEffect(run, key)
    return { outcome: effective === false ? 'ignored' : 'effective', seen }
  } finally {
    // At once, for it may be public; what is left, the cleaning up finds.
    if (isThere) await run.remove(key)
  }
}

function metadataBy(name: string): Unsigned {
  return {
    name,
    headers: () => ({ [name]: 'yes' }),
    tookEffect: async (run, key) => {
      const head = await run.head(key)
      return head.found && head.metadata.has('added')
    },
  }
}

/** Whether the object is open to others, or may be: that nobody gets in today is another rule's doing. */
function aclBy(name: string, value: string): Unsigned {
  return {
    name,
    headers: () => ({ [name]: value }),
    tookEffect: async (run, key) => (await isPublic(run, key)) || (await isShared(run, key)),
  }
}

/**
 * By its access rules: shared, where one that nobody opened is not as well. Undefined where they cannot be
 * read. A store that knows none shares nothing.
 */
async function isShared(run: ProbeRun, key: string): Promise<boolean | undefined> {
  const told = await readRules(run, key)
  if (isRefused(told)) return isDenied(told) ? undefined : false
  const rules = isTaken(told) ? parseAclAnswer(told.text) : 'unknown'
  if (rules !== 'shared') return rules === 'unknown' ? undefined : false
  const plain = await readRules(run, await run.example())
  return plain.text !== told.text
}

function readRules(run: ProbeRun, key: string): Promise<Told> {
  const { manage } = run.placement.store.credentials
  return run.read({ method: 'GET', key, query: new Map([['acl', '']]), credential: manage })
}

async function isPublic(run: ProbeRun, key: string): Promise<boolean> {
  return isTaken(await run.tell({ method: 'GET', key }, { url: (url) => url.replace(/\?.*$/, '') }))
}

function shownByHead(name: string, headers: Unsigned['headers']): Unsigned {
  return {
    name,
    headers,
    tookEffect: async (run, key) => {
      const { manage } = run.placement.store.credentials
      const head = await run.ask({ method: 'HEAD', key, credential: manage })
      return isTaken(head) ? head.headers.has(name) : undefined
    },
  }
}

/** Takes another class as well, and HEAD does not tell it. */
async function ignoresClasses(run: ProbeRun): Promise<boolean> {
  const name = 'x-amz-storage-class'
  const key = run.newKey()
  if (!isTaken(await run.put({ key, unsigned: { [name]: 'STANDARD_IA' } }))) return false
  const { manage } = run.placement.store.credentials
  const head = await run.ask({ method: 'HEAD', key, credential: manage })
  return isTaken(head) && head.headers.get(name) === null
}
