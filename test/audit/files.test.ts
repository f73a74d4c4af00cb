import { execFile } from 'node:child_process'
import { open, readdir, readFile, readlink, rename, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createJsonLinesAudit } from '../../src/audit/json-lines.ts'
import type { Audit } from '../../src/audit/port.ts'
import { createLogger } from '../../src/log.ts'
import { openAuditFiles } from '../../src/runtime/audit-files.ts'
import { openAudit } from '../../src/runtime/audit-sink.ts'
import { auditContract, eventAt, momentAt, pagesOf } from '../contract/audit.contract.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'

auditContract('files of JSON lines', async ({ maxBuffered }) => {
  const directory = await openTemporaryDirectory()
  const files = await openAuditFiles({ path: `${directory.path}/audit.jsonl`, maxFileBytes: 700 })
  const full = await open('/dev/full', 'a')
  let failing = false
  const audit = createJsonLinesAudit({
    write: (text) => (failing ? full.appendFile(text) : files.append(text)),
    ...(files.lines !== undefined && { lines: files.lines }),
    maxBuffered,
    retryMs: 5,
  })
  return {
    audit,
    async fail() {
      failing = true
    },
    async heal() {
      failing = false
    },
    async close() {
      await audit.close()
      await files.close()
      await full.close()
      await directory.close()
    },
  }
})

describe('audit files', () => {
  let directory: TemporaryDirectory
  let path: string
  beforeEach(async () => {
    directory = await openTemporaryDirectory()
    path = `${directory.path}/audit.jsonl`
  })
  afterEach(() => directory.close())

  const log = createLogger({ write: () => {}, clock: new TestClock() })
  const LINE_BYTES = JSON.stringify(eventAt(0, {})).length + 1

  async function names(): Promise<string[]> {
    return (await readdir(directory.path)).sort()
  }

  async function append(audit: Audit, from: number, to: number): Promise<void> {
    for (let second = from; second < to; second += 1) await audit.append(eventAt(second, {}))
  }

  /** Files of a folder that this process has open. */
  async function openedUnder(folder: string): Promise<string[]> {
    const descriptors = await readdir('/proc/self/fd')
    const paths = await Promise.all(
      descriptors.map((each) => readlink(`/proc/self/fd/${each}`).catch(() => '')),
    )
    return paths.filter((each) => each.startsWith(folder))
  }

  it('never begins another file unless told to', async () => {
    const audit = await openAudit({ kind: 'file', path }, { log })
    await append(audit, 0, 50)
    await audit.close()
    expect(await names()).toEqual(['audit.jsonl'])
  })

  it('puts a file aside before it would grow past its size, and keeps the last ones', async () => {
    const setting = { kind: 'file', path, maxFileBytes: 3 * LINE_BYTES, keepFiles: 2 } as const
    const audit = await openAudit(setting, { log })
    await append(audit, 0, 3)
    expect(await names()).toEqual(['audit.jsonl'])
    await append(audit, 3, 4)
    expect(await names()).toEqual(['audit.jsonl', 'audit.jsonl.1'])
    await append(audit, 4, 10)
    expect(await names()).toEqual(['audit.jsonl', 'audit.jsonl.2', 'audit.jsonl.3'])
    expect((await readFile(`${path}.3`, 'utf8')).length).toBe(3 * LINE_BYTES)
    const { events } = await audit.query({ limit: 100 })
    expect(events).toEqual([9, 8, 7, 6, 5, 4, 3].map((second) => eventAt(second, {})))
    await audit.close()
  })

  it('answers whoever asks while files are put aside, and leaves none of them open', async () => {
    const setting = { kind: 'file', path, maxFileBytes: 2 * LINE_BYTES, keepFiles: 50 } as const
    const audit = await openAudit(setting, { log })
    let writing = true
    async function ask(): Promise<void> {
      while (writing) expect((await audit.query({ limit: 1 })).events).toHaveLength(1)
    }
    await append(audit, 0, 1)
    const asking = Promise.all([ask(), ask(), ask()])
    await append(audit, 1, 100)
    writing = false
    await asking
    await audit.close()
    expect(await openedUnder(directory.path)).toEqual([])
  })

  it('goes on after a restart, with its numbers, and reads what was there', async () => {
    const setting = { kind: 'file', path, maxFileBytes: 2 * LINE_BYTES } as const
    for (const start of [0, 3]) {
      const audit = await openAudit(setting, { log })
      await append(audit, start, start + 3)
      await audit.close()
    }
    expect(await names()).toEqual(['audit.jsonl', 'audit.jsonl.1', 'audit.jsonl.2'])
    const audit = await openAudit({ kind: 'file', path }, { log })
    const { events } = await audit.query({ limit: 100 })
    expect(events).toEqual([5, 4, 3, 2, 1, 0].map((second) => eventAt(second, {})))
    await audit.close()
  })

  it('keeps its place while files are put aside between two pages', async () => {
    const setting = { kind: 'file', path, maxFileBytes: 4 * LINE_BYTES } as const
    const audit = await openAudit(setting, { log })
    await append(audit, 0, 10)
    let later = 10
    const pages = await pagesOf(audit, { limit: 3 }, async () => {
      await append(audit, later, later + 5)
      later += 5
    })
    const expected = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    expect(pages.flat()).toEqual(expected.map((second) => eventAt(second, {})))
    await audit.close()
  })

  it('writes over no file that is there already', async () => {
    const setting = { kind: 'file', path, maxFileBytes: LINE_BYTES } as const
    const audit = await openAudit(setting, { log })
    await writeFile(`${path}.1`, 'not ours')
    await append(audit, 0, 2)
    expect(await readFile(`${path}.1`, 'utf8')).toBe('not ours')
    expect(await names()).toEqual(['audit.jsonl', 'audit.jsonl.1', 'audit.jsonl.2'])
    await audit.close()
  })

  it('goes on with a new file when the one it writes to was taken away', async () => {
    const setting = { kind: 'file', path, maxFileBytes: 2 * LINE_BYTES } as const
    const audit = await openAudit(setting, { log })
    await append(audit, 0, 2)
    await rm(path)
    await append(audit, 2, 3)
    expect((await audit.query({ limit: 10 })).events).toEqual([eventAt(2, {})])
    await audit.close()
  })

  it.each([
    ['renamed', (from: string) => rename(from, `${from}.old`)],
    ['removed', (from: string) => rm(from)],
    [
      'replaced',
      (from: string) => writeFile(`${from}.x`, '').then(() => rename(`${from}.x`, from)),
    ],
  ])('notices within a second that its file was %s, and not on every write', async (_, take) => {
    const clock = new TestClock()
    const files = await openAuditFiles({ path, clock })
    await files.append('1\n')
    clock.advance(1_000)
    await files.append('2\n')
    expect(await readFile(path, 'utf8')).toBe('1\n2\n')
    await take(path)
    clock.advance(999)
    await files.append('lost with it\n')
    clock.advance(1)
    await files.append('3\n')
    await files.append('4\n')
    expect(await readFile(path, 'utf8')).toBe('3\n4\n')
    await files.close()
    expect(await openedUnder(directory.path)).toEqual([])
  })

  it('fails while the folder is gone that its file was in, and goes on when it is there', async () => {
    const clock = new TestClock()
    const folder = `${directory.path}/audit`
    const files = await openAuditFiles({ path: `${folder}/a.jsonl`, clock })
    await rename(folder, `${folder}.away`)
    clock.advance(1_000)
    await expect(files.append('1\n')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(files.append('1\n')).rejects.toMatchObject({ code: 'ENOENT' })
    await rename(`${folder}.away`, folder)
    await files.append('1\n')
    expect(await readFile(`${folder}/a.jsonl`, 'utf8')).toBe('1\n')
    await files.close()
  })

  it('R23 takes back the half that a full disk took, and nothing that is not its own', async () => {
    // Files of a shell's children may be so large and no larger; Node is told as by a full disk.
    const script = fileURLToPath(new URL('../support/full-audit-file.ts', import.meta.url))
    const limited = 'ulimit -S -f 8; exec "$0" "$@"'
    const run = await promisify(execFile)('sh', ['-c', limited, process.execPath, script, path])
    expect(run.stdout).toBe('EFBIG\n'.repeat(3))
    const text = await readFile(path, 'utf8')
    expect(text.replace(/x+$/, '')).toBe('first\nsecond\nof another\n')
  })

  it('begins a line of its own after one that was cut off, and passes over the rest', async () => {
    await writeFile(path, `${JSON.stringify(eventAt(0, {}))}\n{"event":"upload.gr`)
    const audit = await openAudit({ kind: 'file', path }, { log })
    await append(audit, 1, 3)
    expect((await audit.query({ limit: 10 })).events).toEqual(
      [2, 1, 0].map((second) => eventAt(second, {})),
    )
    await audit.close()
  })

  it('reads a file that begins with an empty line, as after a first write that failed', async () => {
    await writeFile(path, `\n${JSON.stringify(eventAt(0, {}))}\n`)
    const audit = await openAudit({ kind: 'file', path }, { log })
    expect(await audit.query({ limit: 10 })).toEqual({ events: [eventAt(0, {})] })
    await audit.close()
  })

  it('reads lines that lie across its stretches, each once', async () => {
    const reason = 'é'.repeat(230)
    const audit = await openAudit({ kind: 'file', path }, { log })
    await Promise.all(
      Array.from({ length: 1_500 }, (_, parts) => audit.append(eventAt(0, { parts, reason }))),
    )
    const pages = await pagesOf(audit, { limit: 700 })
    expect(pages.map(({ length }) => length)).toEqual([700, 700, 100])
    const parts = pages.flat().map(({ parts: n }) => n)
    expect(parts).toEqual(Array.from({ length: 1_500 }, (_, index) => 1_499 - index))
    await audit.close()
  })

  it('looks at so many bytes and no more, and goes on where it was', async () => {
    const line = `${JSON.stringify(eventAt(1, { reason: 'x'.repeat(4_000) }))}\n`
    const rare = `${JSON.stringify(eventAt(0, { bucket: 'rare' }))}\n`
    await writeFile(path, rare + line.repeat(Math.ceil(16_777_216 / line.length)))
    const audit = await openAudit({ kind: 'file', path }, { log })
    const pages = await pagesOf(audit, { bucket: 'rare', limit: 10 })
    expect(pages.map(({ length }) => length)).toEqual([0, 1])
    await audit.close()
  })

  it('reads no further back than the time that is asked for, but for a clock that was set', async () => {
    const read: number[] = []
    const files = await openAuditFiles({ path, maxFileBytes: 3 * LINE_BYTES })
    const { lines } = files
    if (lines === undefined) throw new Error('no lines')
    const audit = createJsonLinesAudit({
      write: (text) => files.append(text),
      lines: {
        ...lines,
        read(file, from, to) {
          read.push(file)
          return lines.read(file, from, to)
        },
      },
    })
    // Files 1 to 5, an hour between two events; the last file has the newest two.
    for (let hour = 0; hour < 14; hour += 1) await audit.append(eventAt(hour * 3_600, {}))
    const hours = async (query: { sinceMs?: number; untilMs?: number }) => {
      read.length = 0
      const { events } = await audit.query({ ...query, limit: 100 })
      return events.map(({ at }) => (Date.parse(at) - momentAt(0)) / 3_600_000)
    }
    expect(await hours({ sinceMs: momentAt(10 * 3_600) })).toEqual([13, 12, 11, 10])
    expect(read).toEqual([5, 4])
    expect(await hours({ untilMs: momentAt(4 * 3_600) })).toEqual([3, 2, 1, 0])
    // Looks at beginnings, by halves, and whole ones of the first two.
    expect(read).toEqual([5, 3, 2, 2, 1, 1])
    await audit.close()
    await files.close()
  })

  it('opens few of many files for an old time, measures fewer, and finds the same', async () => {
    const count = 200
    const numbers = Array.from({ length: count }, (_, index) => count - index)
    let reads = 0
    let measured = 0
    const textOf = (file: number) => `${JSON.stringify(eventAt(file * 3_600, {}))}\n`
    const audit = createJsonLinesAudit({
      write: async () => {},
      lines: {
        files: async () =>
          numbers.map((file) => ({
            number: file,
            async sizeBytes() {
              measured += 1
              return textOf(file).length
            },
          })),
        async read(file, from, to) {
          reads += 1
          return new TextEncoder().encode(textOf(file)).subarray(from, to)
        },
      },
    })
    for (const hour of [1, 2, 77, 199, 200, 201]) {
      reads = 0
      measured = 0
      const { events } = await audit.query({ untilMs: momentAt(hour * 3_600), limit: 1 })
      expect(events).toEqual(hour === 1 ? [] : [eventAt((hour - 1) * 3_600, {})])
      expect(reads).toBeLessThan(15)
      expect(measured).toBeLessThan(5)
    }
    await audit.close()
  })

  it('goes on in the next file at once when the one of a page was removed', async () => {
    const files = await openAuditFiles({ path, maxFileBytes: 2 * LINE_BYTES })
    const { lines } = files
    if (lines === undefined) throw new Error('no lines')
    let reads = 0
    const audit = createJsonLinesAudit({
      write: (text) => files.append(text),
      lines: {
        ...lines,
        read(file, from, to) {
          reads += 1
          return lines.read(file, from, to)
        },
      },
    })
    await append(audit, 0, 5)
    await rm(`${path}.2`)
    const { events } = await audit.query({ limit: 10, after: `2:${10 * 2 ** 20}` })
    expect(events).toEqual([1, 0].map((second) => eventAt(second, {})))
    expect(reads).toBe(2)
    await audit.close()
    await files.close()
  })

  it.each([
    [{ kind: 'none' }, 'Cannot query the audit log: it goes to nowhere'],
    [{ kind: 'stdout' }, 'Cannot query the audit log: it goes to standard output'],
    [
      { kind: 'file', path: '/dev/null' },
      'Cannot query the audit log: it goes to a path that is no file',
    ],
  ] as const)('404: there is nothing to query of %j', async (setting, message) => {
    const audit = await openAudit(setting, { log })
    await expect(audit.query({ limit: 1 })).rejects.toMatchObject({ code: 'NoSuchRoute', message })
    await audit.close()
  })
})
