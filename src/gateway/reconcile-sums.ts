import { GatewayError } from '../errors.ts'
import { MAX_DOCUMENT_BYTES, MAX_DOCUMENTS } from '../state/port.ts'
import type { GatewayContext } from './context.ts'
import type { Counted } from './look-at-object.ts'
import type { HeldRun, ReconcileRun } from './reconcile-run.ts'
import { addAmount, addObject, type StoredSums } from './stored-sums.ts'

// Sums of a run lie in documents by partition and by the first character of the subject's digest, so
// that a page writes few and none grows too large: `reconcile-sums/<run>/<partition>/<character>`.
const KIND = 'reconcile-sums'

/** Sums as they were before a page, and what that page added: it may be added once more. */
interface Shard {
  readonly page: number
  readonly before: readonly Line[]
  readonly added: readonly Line[]
}

type Line = readonly [subject: string, limitId: number, amount: number]

/**
 * Adds the objects of a run's next page. A page that was cut off may be added again, with whatever it is
 * then: what the first attempt has left of it is taken out. Throws `Overloaded` when another call does
 * the same, and when there are more subjects than fit.
 */
export async function addPage(
  context: GatewayContext,
  { run, again }: Pick<HeldRun, 'run' | 'again'>,
  objects: readonly Counted[],
): Promise<void> {
  const shards = new Map<string, StoredSums>()
  for (const object of objects) {
    const sums: StoredSums = new Map()
    addObject(sums, object, object.sizeBytes)
    for (const sum of sums.values()) {
      const name = `${prefixOf(run.id, object.partition)}${sum.subject.slice(1, 2)}`
      const shard = shards.get(name) ?? new Map()
      shards.set(name, shard)
      addAmount(shard, sum)
    }
  }
  for (const name of again ? await leftNames(context, run) : []) {
    if (!shards.has(name)) shards.set(name, new Map())
  }
  for (const [name, sums] of shards) await addToShard(context, name, { page: run.pages, sums })
}

/** Shards that the attempt before has written: what it saw may be gone. */
async function leftNames(
  context: GatewayContext,
  { id, pages }: Pick<ReconcileRun, 'id' | 'pages'>,
): Promise<string[]> {
  const found = await documentsOf(context, `${KIND}/${id}/`)
  return found.filter(({ shard }) => shard.page === pages).map(({ name }) => name)
}

async function addToShard(
  context: GatewayContext,
  name: string,
  { page, sums }: { readonly page: number; readonly sums: StoredSums },
): Promise<void> {
  const document = await context.state.get(name)
  const before: StoredSums = new Map()
  if (document !== undefined) addLines(before, document.value, page)
  const shard: Shard = { page, before: linesOf(before), added: linesOf(sums) }
  const value = JSON.stringify(shard)
  if (value.length > MAX_DOCUMENT_BYTES) {
    const why = 'there are more users and tenants than one run can count'
    throw new GatewayError('Overloaded', `Cannot reconcile: ${why}`)
  }
  const ifVersion = document?.version ?? 0
  if ((await context.state.put({ name, value, ifVersion })) === undefined) throw overtaken()
}

/** All sums of a partition, with those of every page that the run has behind it. */
export async function sumsOf(
  context: GatewayContext,
  { id, pages }: Pick<ReconcileRun, 'id' | 'pages'>,
  partition: number,
): Promise<StoredSums> {
  const sums: StoredSums = new Map()
  for (const { value } of await documentsOf(context, prefixOf(id, partition))) {
    addLines(sums, value, pages)
  }
  return sums
}

/** Forgets what a run has counted. */
export async function removeSums(context: GatewayContext, id: string): Promise<void> {
  const documents = await documentsOf(context, `${KIND}/${id}/`)
  for (const { name } of documents) await context.state.remove(name)
}

/** What a shard holds of the pages before one: of an attempt at that one nothing. */
function addLines(sums: StoredSums, value: string, page: number): void {
  const shard = JSON.parse(value) as Shard
  const lines = shard.page < page ? [...shard.before, ...shard.added] : shard.before
  for (const [subject, limitId, amount] of lines) addAmount(sums, { subject, limitId, amount })
}

function linesOf(sums: StoredSums): Line[] {
  return [...sums.values()].map(({ subject, limitId, amount }) => [subject, limitId, amount])
}

async function documentsOf(context: GatewayContext, prefix: string) {
  const found: { name: string; value: string; shard: Shard }[] = []
  let after = prefix
  for (;;) {
    const page = await context.state.list({ kind: KIND, after, limit: MAX_DOCUMENTS })
    const own = page.filter(({ name }) => name.startsWith(prefix))
    for (const { name, value } of own) {
      found.push({ name, value, shard: JSON.parse(value) as Shard })
    }
    if (own.length < MAX_DOCUMENTS) return found
    after = own.at(-1)?.name ?? prefix
  }
}

function prefixOf(id: string, partition: number): string {
  return `${KIND}/${id}/${partition}/`
}

/** The error for a run that is not this call's any more. */
export function overtaken(): GatewayError {
  return new GatewayError('Overloaded', 'Cannot reconcile: another call works at this run')
}
