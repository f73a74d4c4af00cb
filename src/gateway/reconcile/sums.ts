import { GatewayError } from '../../errors.ts'
import { KIND as COUNTS } from '../../ledger/port.ts'
import { MAX_DOCUMENT_BYTES, type StateDocument } from '../../state/port.ts'
import type { GatewayContext } from '../context.ts'
import type { Counted } from '../look-at-object.ts'
import { someAtATime } from '../some-at-a-time.ts'
import { type StoredSum, totalName } from '../stored-sums.ts'
import type { HeldRun, ReconcileRun } from './run.ts'

// Sums of a run lie in documents by partition and by the first characters of the subject's digest, so
// that a page writes few and none grows too large: `reconcile-sums/<run>/<partition>/<characters>`. Ids
// of what was counted lie beside them, by the attempt that did: `reconcile-sums/<run>/<partition>/.<attempt>`.
const KIND = 'reconcile-sums'
/** With so many characters there is room for far more subjects than a ledger can have in a partition. */
const MAX_DEPTH = 4
/** Documents of one read: a few MiB. */
const PAGE = 16
const WRITES_AT_ONCE = 16
/** Of an upload's or a credit's id, its last characters: random ones. */
const NAME_CHARACTERS = 12

/** What the ledger counts for an object of a page. */
export interface CountedObject extends Counted {
  readonly versioned: boolean
  /** Ids by which it is known that it was counted: its settled upload, its pending deletion. */
  readonly ids: readonly string[]
}

/** One stored total: its amount, and how many objects are in it. */
export interface RunSum extends StoredSum {
  readonly objects: number
}

/** What the objects of a run add up to, in one partition. */
export interface RunSums {
  /** By `totalName`. */
  readonly totals: ReadonlyMap<string, RunSum>
  /** Subjects with objects: how many there are, and how many of them have versions. */
  readonly subjects: ReadonlyMap<string, { readonly objects: number; readonly versioned: number }>
  /** Whether an object was counted by this id, as of `CountedObject.ids`. */
  readonly has: (id: string) => boolean
}

/** Sums as they were before an attempt at a page, and what that added: it counts unless it was lost. */
interface Shard {
  readonly attempt: number
  readonly before: Part
  readonly added: Part
}

interface Part {
  readonly lines: readonly Line[]
  readonly ids: readonly string[]
}

/** `SUBJECT` instead of a limit: all objects of the subject, and as the amount those with versions. */
type Line = readonly [subject: string, limitId: number, amount: number, objects: number]

const SUBJECT = -1
const ENTRY = 4

type Fence = Pick<ReconcileRun, 'id' | 'attempt' | 'lost' | 'depth'>

/**
 * Adds the objects of a run's next page, and returns the run's new `depth`. What an attempt has added
 * counts from when the run has left it behind, and never once the run was taken over: a call whose lease
 * has ended changes no sum any more. Throws `Overloaded` when another call has gone on with the run.
 */
export async function addPage(
  context: Pick<GatewayContext, 'state'>,
  held: Pick<HeldRun, 'dirty'> & { readonly run: Fence },
  objects: readonly CountedObject[],
): Promise<number> {
  for (let depth = held.run.depth; depth <= MAX_DEPTH; depth += 1) {
    const parts = partsOf({ ...held.run, depth }, objects)
    const documents = await someAtATime([...parts], WRITES_AT_ONCE, ([name, part]) =>
      shardWith(context, held.run, { name, part }),
    )
    if (documents.some(({ value }) => value.length > MAX_DOCUMENT_BYTES)) continue
    held.dirty = true
    await someAtATime(documents, WRITES_AT_ONCE, async (document) => {
      if ((await context.state.put(document)) === undefined) throw overtaken()
    })
    return depth
  }
  throw new GatewayError('InternalError', 'Cannot reconcile: a partition has too many users')
}

/** What a page adds to each shard. */
function partsOf(
  { id, depth, attempt }: Pick<Fence, 'id' | 'depth' | 'attempt'>,
  objects: readonly CountedObject[],
): Map<string, Part> {
  const lines = new Map<string, Lines>()
  const ids = new Map<string, string[]>()
  for (const object of objects) {
    const prefix = prefixOf(id, object.partition)
    for (const line of linesOf(object)) {
      const name = `${prefix}${line[0].slice(1, 1 + depth)}`
      const shard = lines.get(name) ?? new Map()
      lines.set(name, shard)
      addLine(shard, line)
    }
    // Of each attempt a document of its own, which no digest begins like: one user may have many.
    if (object.ids.length === 0) continue
    const name = `${prefix}.${attempt}`
    const ofPage = ids.get(name) ?? []
    ids.set(name, ofPage)
    ofPage.push(...object.ids.map(shortId))
  }
  return new Map<string, Part>([
    ...[...lines].map(([name, shard]) => [name, { lines: [...shard.values()], ids: [] }] as const),
    ...[...ids].map(([name, names]) => [name, { lines: [], ids: names }] as const),
  ])
}

function linesOf({ subjects, hold, sizeBytes, versioned }: CountedObject): Line[] {
  const lines: Line[] = []
  let h = 0
  for (const subject of subjects) {
    lines.push([subject, SUBJECT, versioned ? 1 : 0, 1])
    const entries = hold[h++] ?? 0
    for (let entry = 0; entry < entries; entry += 1, h += ENTRY) {
      const kind = hold[h + 3]
      if (kind !== COUNTS.stored && kind !== COUNTS.objects) continue
      lines.push([subject, hold[h] ?? 0, kind === COUNTS.stored ? sizeBytes : 1, 1])
    }
  }
  return lines
}

async function shardWith(
  { state }: Pick<GatewayContext, 'state'>,
  fence: Fence,
  { name, part }: { readonly name: string; readonly part: Part },
): Promise<{ readonly name: string; readonly value: string; readonly ifVersion: number }> {
  const document = await state.get(name)
  const { lines, ids } = document === undefined ? NOTHING : standing(document, fence)
  const { attempt } = fence
  const shard: Shard = { attempt, before: { lines: [...lines.values()], ids }, added: part }
  return { name, value: JSON.stringify(shard), ifVersion: document?.version ?? 0 }
}

type Lines = Map<string, Line>

const NOTHING = { lines: new Map() as ReadonlyMap<string, Line>, ids: [] as readonly string[] }

/** What counts of a shard: of an attempt that was lost, what was there before it. */
function standing(
  { value }: Pick<StateDocument, 'value'>,
  { attempt, lost }: Pick<Fence, 'attempt' | 'lost'>,
): typeof NOTHING {
  const shard = JSON.parse(value) as Shard
  if (shard.attempt > attempt) throw overtaken()
  const isLost = shard.attempt === attempt || lost.includes(shard.attempt)
  const parts = isLost ? [shard.before] : [shard.before, shard.added]
  const lines: Lines = new Map()
  for (const part of parts) for (const line of part.lines) addLine(lines, line)
  return { lines, ids: parts.flatMap(({ ids }) => ids) }
}

function addLine(lines: Lines, [subject, limitId, amount, objects]: Line): void {
  const name = totalName({ subject, limitId })
  const [, , ofAmount, ofObjects] = lines.get(name) ?? [subject, limitId, 0, 0]
  lines.set(name, [subject, limitId, ofAmount + amount, ofObjects + objects])
}

/** All sums of a partition. Throws `Overloaded` when another call has gone on with the run. */
export async function sumsOf(
  { state }: Pick<GatewayContext, 'state'>,
  run: Fence,
  partition: number,
): Promise<RunSums> {
  const all: Lines = new Map()
  const seen = new Set<string>()
  for await (const document of documentsOf({ state }, prefixOf(run.id, partition))) {
    const { lines, ids } = standing(document, run)
    for (const line of lines.values()) addLine(all, line)
    for (const id of ids) seen.add(id)
  }
  const totals = new Map<string, RunSum>()
  const subjects = new Map<string, { objects: number; versioned: number }>()
  for (const [name, [subject, limitId, amount, objects]] of all) {
    if (limitId === SUBJECT) subjects.set(subject, { objects, versioned: amount })
    else totals.set(name, { subject, limitId, amount, objects })
  }
  return { totals, subjects, has: (id) => seen.has(shortId(id)) }
}

/** Forgets what a run has counted. */
export async function removeSums(
  { state }: Pick<GatewayContext, 'state'>,
  id: string,
): Promise<void> {
  for await (const { name } of documentsOf({ state }, `${KIND}/${id}/`)) await state.remove(name)
}

async function* documentsOf(
  { state }: Pick<GatewayContext, 'state'>,
  prefix: string,
): AsyncGenerator<StateDocument> {
  let after = prefix
  for (;;) {
    const page = await state.list({ kind: KIND, after, limit: PAGE })
    const own = page.filter(({ name }) => name.startsWith(prefix))
    yield* own
    if (own.length < PAGE) return
    after = own.at(-1)?.name ?? prefix
  }
}

function shortId(id: string): string {
  return id.slice(0, 1) + id.slice(-NAME_CHARACTERS)
}

function prefixOf(id: string, partition: number): string {
  return `${KIND}/${id}/${partition}/`
}

/** The error for a run that is not this call's any more. */
export function overtaken(): GatewayError {
  return new GatewayError('Overloaded', 'Cannot reconcile: another call works at this run')
}
