import { mkdirSync, readdirSync, type Stats } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { AuditFile, AuditLines } from '../audit/lines-back.ts'
import { type Clock, monotonicClock } from '../clock.ts'

/** Files that lines are appended to, one after the other. */
export interface AuditFiles {
  /** Rejects when the disk is full or the file gone; what was written of the text may be there then. */
  append(text: string): Promise<void>
  /** For reading; absent where the path is no regular file, such as a pipe. */
  readonly lines?: AuditLines
  close(): Promise<void>
}

export interface AuditFilesOptions {
  /** The file that is written; full ones are called `<path>.1`, `<path>.2` and so on, oldest first. */
  readonly path: string
  /** Size that a file does not grow past, in bytes, unless one write is larger. Default: no bound. */
  readonly maxFileBytes?: number | undefined
  /** Full files that are kept, 1 and up. Default: all. */
  readonly keepFiles?: number | undefined
  /** Measures how long ago the path was looked at. Default: the machine's. */
  readonly clock?: Clock
}

/** How often it is looked whether the path still leads to the file that is open, in milliseconds. */
const LOOK_EVERY_MS = 1_000

/**
 * Opens the file, appends to what is there and makes its folder. One gateway has it for itself. A file that
 * was renamed or removed from outside is noticed within a second, and a new one begun. Throws when it
 * cannot be opened.
 */
export async function openAuditFiles({
  path,
  maxFileBytes = Infinity,
  keepFiles = Infinity,
  clock = monotonicClock,
}: AuditFilesOptions): Promise<AuditFiles> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let current = await openToWrite(path)
  const opened = current.stats
  let sizeBytes = opened.size
  let number = (fullFiles(path)[0] ?? 0) + 1
  /** After a failed write half a line may be there: the next one begins on a line of its own. */
  let torn = current.torn

  let lookedAtMs = clock.nowMs()

  /** Goes on with what the path leads to now, and makes that. */
  async function reopen(): Promise<void> {
    const nextNumber = Math.max(number, fullFiles(path)[0] ?? 0) + 1
    const next = await openToWrite(path)
    const { file: last } = current
    // Before the last one is closed: a query may come at any moment.
    current = next
    number = nextNumber
    sizeBytes = next.stats.size
    torn = next.torn
    await last.close()
  }

  /** What goes to a file that was removed is lost in silence, and what was renamed grows without bound. */
  async function lookAtPath(): Promise<void> {
    const nowMs = clock.nowMs()
    if (!opened.isFile() || nowMs - lookedAtMs < LOOK_EVERY_MS) return
    const found = await stat(path).catch(unlessMissing)
    if (found === undefined || !isSame(found, current.stats)) await reopen()
    else sizeBytes = found.size
    lookedAtMs = nowMs
  }

  async function rotate(): Promise<void> {
    // Nothing is written over, even where another gateway has the same file.
    number = Math.max(number, (fullFiles(path)[0] ?? 0) + 1)
    await rename(path, pathOf(path, number)).catch(unlessMissing)
    await reopen()
    const kept = fullFiles(path).slice(keepFiles)
    await Promise.all(kept.map((old) => rm(pathOf(path, old), { force: true })))
  }

  /** The file that is written, unless it has become a full one meanwhile. */
  async function openCurrent(wanted: number): Promise<FileHandle | undefined> {
    if (wanted !== number) return undefined
    const { stats } = current
    const source = await openToRead(path)
    if (source === undefined) return undefined
    try {
      if (isSame(await source.stat(), stats)) return source
    } catch (error) {
      await source.close()
      throw error
    }
    await source.close()
    return undefined
  }

  /**
   * Removes what a failed write has left: it is written again as a whole, and a full disk may have room for
   * it but once. What anything else has written meanwhile is not touched.
   */
  async function takeBack(written: string): Promise<void> {
    const { size } = await current.file.stat()
    if (opened.isFile() && size === sizeBytes) return
    const found = await bytesAt(sizeBytes, size)
    const isOurs =
      found.length > 0 &&
      Buffer.from(written)
        .subarray(0, size - sizeBytes)
        .equals(found)
    if (isOurs) return current.file.truncate(sizeBytes)
    torn = true
    sizeBytes = size
  }

  /** Of the file that is written; none where the path leads elsewhere. */
  async function bytesAt(from: number, to: number): Promise<Uint8Array> {
    const source = to > from ? await openCurrent(number) : undefined
    if (source === undefined) return new Uint8Array()
    try {
      return await readFrom(source, from, to)
    } finally {
      await source.close()
    }
  }

  async function sizeOf(wanted: number): Promise<number> {
    if (wanted === number) return (await current.file.stat()).size
    return (await stat(pathOf(path, wanted)).catch(unlessMissing))?.size ?? 0
  }

  const lines: AuditLines = {
    async files() {
      const newest = number
      const full = fullFiles(path).filter((each) => each < newest)
      return [newest, ...full].map(
        (each): AuditFile => ({ number: each, sizeBytes: () => sizeOf(each) }),
      )
    },
    async read(wanted, from, to) {
      const source = (await openCurrent(wanted)) ?? (await openToRead(pathOf(path, wanted)))
      if (source === undefined) return undefined
      try {
        return await readFrom(source, from, to)
      } finally {
        await source.close()
      }
    },
  }

  return {
    async append(text) {
      await lookAtPath()
      const bytes = Buffer.byteLength(text)
      if (sizeBytes > 0 && sizeBytes + bytes > maxFileBytes) await rotate()
      const written = torn ? `\n${text}` : text
      try {
        // `appendFile` repeats short writes.
        await current.file.appendFile(written)
        torn = false
        sizeBytes += Buffer.byteLength(written)
      } catch (error) {
        await takeBack(written).catch(() => {
          torn = true
        })
        throw error
      }
    },
    ...(opened.isFile() && { lines }),
    close: () => current.file.close(),
  }
}

/** A file that is appended to, and what it was when it was opened. */
interface Writable {
  readonly file: FileHandle
  readonly stats: Stats
  /** Whether it ended in the middle of a line. */
  readonly torn: boolean
}

async function openToWrite(path: string): Promise<Writable> {
  const file = await open(path, 'a', 0o600)
  try {
    const stats = await file.stat()
    return { file, stats, torn: await endsTorn(path, stats) }
  } catch (error) {
    await file.close()
    throw error
  }
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev
}

/** Numbers of the full files, newest first. */
function fullFiles(path: string): number[] {
  const prefix = `${basename(path)}.`
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,14}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => b - a)
}

function pathOf(path: string, number: number): string {
  return join(dirname(path), `${basename(path)}.${number}`)
}

async function openToRead(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    return unlessMissing(error)
  }
}

async function readFrom(source: FileHandle, from: number, to: number): Promise<Uint8Array> {
  const { buffer, bytesRead } = await source.read(new Uint8Array(to - from), 0, to - from, from)
  return buffer.subarray(0, bytesRead)
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}

/** Whether a file that another process left ends in the middle of a line. */
async function endsTorn(path: string, opened: Stats): Promise<boolean> {
  const { size } = opened
  if (size === 0 || !opened.isFile()) return false
  const source = await openToRead(path)
  if (source === undefined) return false
  try {
    const { buffer } = await source.read(new Uint8Array(1), 0, 1, size - 1)
    return buffer[0] !== 10
  } finally {
    await source.close()
  }
}
