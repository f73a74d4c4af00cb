import { randomUUID } from 'node:crypto'
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Context, Middleware, Store } from '@20minutes/s3rver'
import { partsXml, uploadsXml } from './s3rver-listing.ts'
import { StoreRefusal } from './store-refusal.ts'

type PartToComplete = Parameters<Store['putObjectMultipart']>[2][number]

/** An object that is being uploaded in parts, in s3rver's own folder for it. */
interface Upload {
  readonly bucket: string
  readonly uploadId: string
  readonly folder: string
}

// s3rver's: the folder of a bucket's pending uploads, and the form of their ids.
const UPLOADS_FOLDER = '._S3rver_uploads'
const UPLOAD_ID = /^[0-9a-f]{32}$/
const PART_NUMBER = /^[1-9][0-9]{0,4}$/
const MAX_PART_NUMBER = 10_000
const PAGE_ITEMS = 1_000

/**
 * What s3rver 5 lacks of multipart uploads, as the outermost of its middleware.
 *
 * s3rver's own: Create, the bytes of parts, making the object, and **every signature**. It refuses
 * ListParts, ListMultipartUploads and Abort with 405 and 501, but only after it has found the
 * signature right and put the account into `ctx.state`; so these three are answered here, in place
 * of that refusal and never otherwise, from the folder where s3rver keeps its uploads.
 *
 * Ours too: a part with a number outside 1 to 10,000 is 400 `InvalidArgument`; one of an unknown
 * upload, or of another key's, is 404 `NoSuchUpload`; half a part is never listed. A Complete with a
 * part or an ETag that is not there is 400 `InvalidPart`, one out of order 400 `InvalidPartOrder`,
 * and the upload stays; a second Complete is 404 `NoSuchUpload`.
 *
 * Not kept: `If-None-Match` on Complete, checksums, and the least size of a part.
 */
export function s3rverMultipart(directory: string): Middleware {
  const inTurn = createTurns()

  /** The upload that a request names. Throws `NoSuchUpload` for one of another key, too. */
  async function uploadOf({ params, query }: Context): Promise<Upload> {
    const { bucket = '', key } = params ?? {}
    const uploadId = String(query.uploadId)
    const folder = join(directory, bucket, UPLOADS_FOLDER, uploadId)
    if (!UPLOAD_ID.test(uploadId) || (await keyIn(folder)) !== key) throw noSuchUpload()
    return { bucket, uploadId, folder }
  }

  /** s3rver's store for one request, with checks before and after what it does about parts. */
  function checkedStore(ctx: Context): Store {
    const { store } = ctx
    const checked: Store = Object.create(store)
    checked.putPart = async (_, __, partNumber, content) => {
      if (!PART_NUMBER.test(partNumber) || Number(partNumber) > MAX_PART_NUMBER) {
        throw new StoreRefusal(400, 'InvalidArgument', 'Part number must be from 1 to 10000.')
      }
      const { bucket, uploadId, folder } = await uploadOf(ctx)
      const arriving = `arriving-${randomUUID()}`
      try {
        const written = await store.putPart(bucket, uploadId, arriving, content)
        await rename(join(folder, `${arriving}.md5`), join(folder, `${partNumber}.md5`))
        await rename(join(folder, arriving), join(folder, partNumber))
        return written
      } finally {
        await rm(join(folder, arriving), { force: true })
        await rm(join(folder, `${arriving}.md5`), { force: true })
        // Aborted or completed meanwhile: s3rver has made the folder again, for nothing.
        if ((await keyIn(folder)) === undefined) {
          await rm(folder, { recursive: true, force: true })
          // biome-ignore lint/correctness/noUnsafeFinally: this answer is the right one, either way
          throw noSuchUpload()
        }
      }
    }
    checked.putObjectMultipart = (_, uploadId, parts) =>
      inTurn(uploadId, async () => {
        const upload = await uploadOf(ctx)
        await checkParts(upload, parts)
        return store.putObjectMultipart(upload.bucket, uploadId, parts)
      })
    return checked
  }

  async function abort(ctx: Context): Promise<void> {
    await inTurn(String(ctx.query.uploadId), async () => {
      const { folder } = await uploadOf(ctx)
      // The key first: without it nobody finds the upload any more, whatever becomes of the rest.
      await rm(join(folder, 'key'))
      await rm(folder, { recursive: true, force: true })
    })
    ctx.status = 204
  }

  async function listParts(ctx: Context): Promise<void> {
    const { folder, ...upload } = await uploadOf(ctx)
    const after = Number(ctx.query['part-number-marker'] ?? 0)
    const numbers = (await numbersIn(folder)).filter((number) => number > after)
    const page = numbers.slice(0, pageItems(ctx.query['max-parts']))
    const parts = await Promise.all(page.map((number) => partIn(folder, number)))
    const { key = '' } = ctx.params ?? {}
    answerXml(ctx, partsXml({ ...upload, key, parts, truncated: page.length < numbers.length }))
  }

  async function listUploads(ctx: Context): Promise<void> {
    const { bucket = '' } = ctx.params ?? {}
    const { query } = ctx
    const folder = join(directory, bucket, UPLOADS_FOLDER)
    const uploads = (await uploadsIn(folder))
      .filter(({ key }) => key.startsWith(String(query.prefix ?? '')))
      .filter((upload) => comesAfter(upload, query['key-marker'], query['upload-id-marker']))
      .toSorted(
        (one, other) => compare(one.key, other.key) || compare(one.uploadId, other.uploadId),
      )
    const page = uploads.slice(0, pageItems(query['max-uploads']))
    const truncated = page.length < uploads.length
    const encoded = query['encoding-type'] === 'url'
    answerXml(ctx, uploadsXml({ bucket, uploads: page, truncated, encoded }))
  }

  return async function multipart(ctx, next) {
    ctx.store = checkedStore(ctx)
    try {
      try {
        await next()
      } catch (error) {
        const answer = insteadOf(error, ctx, { abort, listParts, listUploads })
        if (answer === undefined) throw error
        await answer(ctx)
      }
    } catch (error) {
      if (!(error instanceof StoreRefusal)) throw error
      ctx.status = error.status
      answerXml(ctx, error.toXml())
    }
  }
}

/** Which of our answers takes the place of a refusal of s3rver's, if any. */
function insteadOf<Answer>(
  error: unknown,
  { method, params, state }: Context,
  answers: Readonly<Record<'abort' | 'listParts' | 'listUploads', Answer>>,
): Answer | undefined {
  if (state.account === undefined || !(error instanceof Error) || !('code' in error))
    return undefined
  const asked = `${error.code} ${method} ${params?.queryMethod} ${params?.key === undefined ? 'bucket' : 'object'}`
  if (asked === 'MethodNotAllowed DELETE uploadId object') return answers.abort
  if (asked === 'MethodNotAllowed GET uploadId object') return answers.listParts
  if (asked === 'NotImplemented GET uploads bucket') return answers.listUploads
  return undefined
}

/** Throws `InvalidPart` or `InvalidPartOrder`, before s3rver would use the upload up. */
async function checkParts({ folder }: Upload, parts: readonly PartToComplete[]): Promise<void> {
  const there = new Set(await numbersIn(folder))
  let last = 0
  for (const { number, etag } of parts) {
    if (!there.has(number) || (await partIn(folder, number)).md5 !== etag) {
      throw new StoreRefusal(400, 'InvalidPart', 'A part is not there, or has another ETag.')
    }
    if (number <= last) {
      throw new StoreRefusal(400, 'InvalidPartOrder', 'The parts are not in ascending order.')
    }
    last = number
  }
}

async function numbersIn(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder)
  return names
    .filter((name) => PART_NUMBER.test(name))
    .map(Number)
    .toSorted((one, other) => one - other)
}

async function partIn(folder: string, number: number) {
  const path = join(folder, String(number))
  const [{ size, mtime }, md5] = await Promise.all([stat(path), readFile(`${path}.md5`, 'utf8')])
  return { number, sizeBytes: size, modifiedAt: mtime, md5 }
}

async function uploadsIn(folder: string) {
  const names = await readdir(folder).catch(emptyWhenMissing)
  const uploads = await Promise.all(
    names.map(async (uploadId) => {
      const key = await keyIn(join(folder, uploadId))
      if (key === undefined) return []
      const { mtime } = await stat(join(folder, uploadId, 'key'))
      return [{ key, uploadId, initiatedAt: mtime }]
    }),
  )
  return uploads.flat()
}

/** The key that s3rver noted for an upload; undefined when there is no such upload. */
async function keyIn(folder: string): Promise<string | undefined> {
  const [key] = await readFile(join(folder, 'key'), 'utf8').then((text) => [text], emptyWhenMissing)
  return key
}

function emptyWhenMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return []
  throw error
}

function comesAfter(
  { key, uploadId }: { readonly key: string; readonly uploadId: string },
  keyMarker: string | string[] | undefined,
  idMarker: string | string[] | undefined,
): boolean {
  if (keyMarker === undefined) return true
  const order = compare(key, String(keyMarker))
  return order > 0 || (order === 0 && idMarker !== undefined && uploadId > String(idMarker))
}

// S3 sorts by the bytes of UTF-8, and strings compare by UTF-16.
function compare(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

function pageItems(asked: string | string[] | undefined): number {
  const items = Number(asked ?? PAGE_ITEMS)
  return Number.isInteger(items) && items >= 1 ? Math.min(items, PAGE_ITEMS) : PAGE_ITEMS
}

/** Lets work on one name follow the work before it. */
function createTurns() {
  const last = new Map<string, Promise<unknown>>()
  return async function inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = last.get(name) ?? Promise.resolve()
    const mine = before.then(work, work)
    last.set(name, mine)
    try {
      return await mine
    } finally {
      if (last.get(name) === mine) last.delete(name)
    }
  }
}

function noSuchUpload(): StoreRefusal {
  return new StoreRefusal(404, 'NoSuchUpload', 'There is no such upload of this key.')
}

function answerXml(ctx: Context, xml: string): void {
  ctx.type = 'application/xml'
  ctx.body = xml
}
