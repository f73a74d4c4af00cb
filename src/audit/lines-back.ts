import type { AuditQuery } from './port.ts'
import {
  auditUnavailable,
  type KeptRecord,
  momentOfText,
  noSuchPosition,
  type ReadBack,
  type Stretch,
} from './read-back.ts'

/** One file of lines. */
export interface AuditFile {
  /** Grows from file to file; a file keeps its own whatever it is called. */
  readonly number: number
  /** 0 for one that is gone. Asked only of those that are read: there may be thousands. */
  sizeBytes(): Promise<number>
}

/** Files of lines, as they were written. */
export interface AuditLines {
  /** Newest first. */
  files(): Promise<readonly AuditFile[]>
  /** Bytes `from` to `to` of a file, less where it ends before; `undefined` for one that is gone. */
  read(file: number, from: number, to: number): Promise<Uint8Array | undefined>
}

/** Bytes read at once; a line is far shorter. */
const STRETCH_BYTES = 262_144
/** Bytes in which the first line of a file is looked for. */
const FIRST_BYTES = 8_192
const NEWLINE = 10
/** A clock may be set back by so much, in milliseconds, and nothing is overlooked. */
const SLACK_MS = 600_000

const decoder = new TextDecoder()

/**
 * Reads files back from their ends. One gateway writes them, in the order of `at`, so that reading ends with
 * the first line from well before the query, and a file that begins after it is passed over.
 */
export function readLinesBack({
  lines,
  files,
  query,
}: {
  readonly lines: AuditLines
  readonly files: readonly AuditFile[]
  readonly query: Pick<AuditQuery, 'sinceMs' | 'untilMs'>
}): ReadBack {
  const { sinceMs = -Infinity, untilMs = Infinity } = query

  async function answerOf<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked
    } catch (error) {
      throw auditUnavailable(error)
    }
  }

  /** Where reading begins in the newest file from `number` down. */
  async function endOf(number: number): Promise<Place | undefined> {
    const below = files.filter((file) => file.number <= number)
    for (const file of below.slice(await firstOf(below))) {
      const end = await answerOf(file.sizeBytes())
      if (end > 0) return { file: file.number, end }
    }
    return undefined
  }

  /** Which of these is the newest that does not begin after the query, found by halves. */
  async function firstOf(below: readonly AuditFile[]): Promise<number> {
    if (untilMs === Infinity || !(await beginsAfter(below[0]))) return 0
    let after = 0
    let first = below.length
    while (first - after > 1) {
      const middle = Math.floor((after + first) / 2)
      if (await beginsAfter(below[middle])) after = middle
      else first = middle
    }
    return first
  }

  /** Not so for a file of which that cannot be told. */
  async function beginsAfter(file: AuditFile | undefined): Promise<boolean> {
    if (file === undefined) return false
    const begin = await answerOf(lines.read(file.number, 0, FIRST_BYTES))
    return begin !== undefined && momentOfText(firstLine(begin)) >= untilMs + SLACK_MS
  }

  return async (after) => {
    const place = after === undefined ? await endOf(Infinity) : parsePlace(after)
    if (place === undefined) return { records: [] }
    const from = Math.max(0, place.end - STRETCH_BYTES)
    const bytes = await answerOf(lines.read(place.file, from, place.end))
    if (bytes === undefined) return { records: [], ...(await nextOf({ file: place.file, end: 0 })) }
    const { records, start } = recordsOf(bytes, { file: place.file, from })
    const oldest = records.at(-1)
    const oldestMs = oldest === undefined ? Number.NaN : momentOfText(oldest.text)
    if (oldestMs < sinceMs - SLACK_MS) return { records }
    return { records, ...(await nextOf({ file: place.file, end: start })) }
  }

  async function nextOf({ file, end }: Place): Promise<Pick<Stretch, 'next'>> {
    if (end > 0) return { next: textOf({ file, end }) }
    const older = await endOf(file - 1)
    return older === undefined ? {} : { next: textOf(older) }
  }
}

interface Place {
  readonly file: number
  /** Bytes before it have not been read. */
  readonly end: number
}

function textOf({ file, end }: Place): string {
  return `${file}:${end}`
}

function parsePlace(text: string): Place {
  const match = /^(\d{1,15}):(\d{1,15})$/.exec(text)
  if (match === null) throw noSuchPosition()
  return { file: Number(match[1]), end: Number(match[2]) }
}

function firstLine(bytes: Uint8Array): string {
  const end = bytes.indexOf(NEWLINE)
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/**
 * The whole lines of a stretch, newest first, and where they start. The first line of it may have begun
 * before and is left to the next stretch; one as long as the whole stretch is none of ours and left out.
 */
function recordsOf(
  bytes: Uint8Array,
  { file, from }: { readonly file: number; readonly from: number },
): { readonly records: readonly KeptRecord[]; readonly start: number } {
  const firstEnd = bytes.indexOf(NEWLINE)
  const isWhole = from === 0 || firstEnd < 0 || firstEnd === bytes.length - 1
  const first = isWhole ? 0 : firstEnd + 1
  const records: KeptRecord[] = []
  let end = bytes.length
  while (end > first) {
    // The newline at `end - 1` is its own; below 0 `lastIndexOf` would count from the end.
    const before = end < 2 ? -1 : bytes.lastIndexOf(NEWLINE, end - 2)
    const start = Math.max(first, before + 1)
    const text = decoder.decode(bytes.subarray(start, end))
    if (text.trim() !== '') records.push({ position: textOf({ file, end: from + start }), text })
    end = start
  }
  return { records, start: from + first }
}
