import { hash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'

/** A configuration of thousands of tenants has some megabytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024

/** What was found in a file, without it: enough to see that it has changed. */
export interface FileMark {
  /** SHA-256 of the text, or why it could not be read. */
  readonly mark: string
  /** The text of what can be read once only, as a pipe: it cannot change any more. */
  readonly kept?: string
}

/** What was found, by path. */
export type FileMarks = ReadonlyMap<string, FileMark>

/** The texts of a configuration and of the files that it names, each as it was at one moment. */
export interface ConfigFiles {
  /**
   * The text of a file, the same however often it is asked for; it is read when nobody has asked before.
   * Rejects for one that cannot be read or has more than 64 MiB.
   */
  readText(path: string): Promise<string>
  /** What was found in the files that were asked for, or in all that are known. */
  marks(which: 'asked' | 'all'): Promise<FileMarks>
}

interface Found {
  readonly text: string
  readonly isOnce: boolean
}

/** Reads all files of `known` again, but for those that can be read once only. None is asked for yet. */
export function readConfigFiles(known: FileMarks = new Map()): ConfigFiles {
  const found = new Map<string, Promise<Found>>()
  const asked = new Set<string>()
  for (const [path, { kept }] of known) {
    found.set(path, held(kept === undefined ? read(path) : keptText(kept)))
  }
  return {
    async readText(path) {
      asked.add(path)
      const reading = found.get(path) ?? held(read(path))
      found.set(path, reading)
      return (await reading).text
    },
    async marks(which) {
      const marks = new Map<string, FileMark>()
      for (const [path, reading] of found) {
        if (which === 'all' || asked.has(path)) marks.set(path, await markOf(reading))
      }
      return marks
    },
  }
}

/** Whether the same was found in the same files. */
export function sameMarks(some: FileMarks, others: FileMarks): boolean {
  if (some.size !== others.size) return false
  return [...some].every(([path, { mark }]) => others.get(path)?.mark === mark)
}

async function read(path: string): Promise<Found> {
  const about = await stat(path)
  if (about.size > MAX_FILE_BYTES) throw new Error(`Cannot read "${path}": it is too large`)
  return { text: await readFile(path, 'utf8'), isOnce: !about.isFile() }
}

async function keptText(text: string): Promise<Found> {
  return { text, isOnce: true }
}

/** Whoever asks is told of the error; nobody has to. */
function held<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {})
  return promise
}

async function markOf(reading: Promise<Found>): Promise<FileMark> {
  try {
    const { text, isOnce } = await reading
    return { mark: hash('sha256', text), ...(isOnce && { kept: text }) }
  } catch (error) {
    return { mark: `unreadable: ${(error as { code?: string }).code ?? ''}` }
  }
}
