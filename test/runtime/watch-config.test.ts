import { execFileSync } from 'node:child_process'
import { open, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ConfigFiles, readConfigFiles } from '../../src/runtime/config-files.ts'
import { type ConfigWatch, type Taken, watchConfig } from '../../src/runtime/watch-config.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { until } from '../support/until.ts'

let directory: TemporaryDirectory
let watch: ConfigWatch | undefined
beforeEach(async () => {
  directory = await openTemporaryDirectory()
})
afterEach(async () => {
  await watch?.stop()
  await directory.close()
})

const at = (name: string) => join(directory.path, name)

/** What a watch has taken, in order: the texts of the files that it was told to ask for. */
interface Watched {
  readonly taken: Record<string, string>[]
  /** Paths to ask for from now on. */
  asks: string[]
  /** What becomes of what is taken. Default `used`. */
  becomes: Taken
  /** Texts of `a` that are of use later. */
  later: string[]
  /** How often it was asked when to look again: more than once for each look. */
  polls: number
}

async function textsOf(files: ConfigFiles, paths: readonly string[]) {
  const entries = paths.map(async (path) => {
    const text = await files.readText(at(path)).catch((error) => `no: ${error.code}`)
    return [path, text] as const
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** Watches files from what is there now. `wait` stands for time that passes between two looks. */
async function start(
  asks: string[],
  { everyMs = 3, wait }: { everyMs?: number; wait?: () => Promise<void> } = {},
): Promise<Watched> {
  const watched: Watched = { taken: [], asks, becomes: 'used', later: [], polls: 0 }
  const files = readConfigFiles()
  await textsOf(files, asks)
  watch = await watchConfig({
    start: files,
    everyMs() {
      watched.polls += 1
      return everyMs
    },
    async take(now) {
      const texts = await textsOf(now, watched.asks)
      watched.taken.push(texts)
      return watched.later.includes(texts.a ?? '') ? 'later' : watched.becomes
    },
    wait: wait ?? (async () => {}),
  })
  return watched
}

const taken = (watched: Watched, times: number) =>
  until(`${times} times taken`, async () => watched.taken.length >= times)

describe('a watch over a configuration and the files it names', () => {
  it('takes what was written into a file, and nothing before or after', async () => {
    await writeFile(at('a'), 'one')
    await writeFile(at('b'), 'key')
    const watched = await start(['a', 'b'])
    await writeFile(at('b'), 'other key')
    await taken(watched, 1)
    await writeFile(at('a'), 'two')
    await taken(watched, 2)
    expect(watched.taken).toEqual([
      { a: 'one', b: 'other key' },
      { a: 'two', b: 'other key' },
    ])
  })

  it('takes what was there before anew, once, when what may be of use later is taken back', async () => {
    await writeFile(at('a'), 'one')
    const watched = await start(['a'])
    watched.later = ['not yet']
    await writeFile(at('a'), 'not yet')
    await taken(watched, 2)
    await writeFile(at('a'), 'one')
    await until('taken back', async () => watched.taken.at(-1)?.a === 'one')
    const { length } = watched.taken
    const polls = watched.polls + 12
    await until('more looks', async () => watched.polls >= polls)
    expect(watched.taken).toHaveLength(length)
  })

  it('R21 takes a file that another one was renamed to', async () => {
    await writeFile(at('a'), 'one')
    const watched = await start(['a'])
    await writeFile(at('a.new'), 'two')
    await rename(at('a.new'), at('a'))
    await taken(watched, 1)
    expect(watched.taken).toEqual([{ a: 'two' }])
  })

  it('R21 takes the files of a folder whose symbolic link was swapped, all from the new one', async () => {
    // As a kubelet does it: a -> ..data/a, ..data -> 1, and ..data is renamed over.
    for (const folder of ['1', '2']) {
      execFileSync('mkdir', [at(folder)])
      for (const name of ['a', 'b']) await writeFile(at(join(folder, name)), `${name}${folder}`)
    }
    await symlink('1', at('..data'))
    for (const name of ['a', 'b']) await symlink(join('..data', name), at(name))
    const watched = await start(['a', 'b'])
    await symlink('2', at('..next'))
    await rename(at('..next'), at('..data'))
    await taken(watched, 1)
    expect(watched.taken).toEqual([{ a: 'a2', b: 'b2' }])
  })

  it('R21 waits for the rest of a file that is half written', async () => {
    await writeFile(at('a'), 'one two')
    const pieces = ['o', 'on', 'one', 'one three']
    const watched = await start(['a'], {
      async wait() {
        const next = pieces.shift()
        if (next !== undefined) await writeFile(at('a'), next)
      },
    })
    await writeFile(at('a'), '')
    await taken(watched, 1)
    expect([watched.taken, pieces]).toEqual([[{ a: 'one three' }], []])
  })

  it('does not wait for ever for a file that never rests', async () => {
    await writeFile(at('a'), '0')
    let rounds = 0
    const watched = await start(['a'], {
      async wait() {
        rounds += 1
        // The next look may be under way when the folder goes.
        await writeFile(at('a'), `${rounds}`).catch(() => {})
      },
    })
    await writeFile(at('a'), 'x')
    await taken(watched, 1)
    expect(watched.taken[0]).toEqual({ a: '8' })
  })

  it('takes nothing when a file ends as it was', async () => {
    await writeFile(at('a'), 'one')
    let waited = 0
    const watched = await start(['a'], {
      async wait() {
        waited += 1
        await writeFile(at('a'), 'one').catch(() => {})
      },
    })
    await rm(at('a'))
    await until('it was waited for', async () => waited >= 2)
    await writeFile(at('a'), 'two')
    await until('it was waited for again', async () => waited >= 4)
    expect(watched.taken).toEqual([])
  })

  it('R21 tells of a file that is gone, once, and takes it when it is back', async () => {
    await writeFile(at('a'), 'one')
    const watched = await start(['a'])
    watched.becomes = 'refused'
    await rm(at('a'))
    await taken(watched, 1)
    watched.becomes = 'used'
    await writeFile(at('a'), 'one')
    await taken(watched, 2)
    expect(watched.taken).toEqual([{ a: 'no: ENOENT' }, { a: 'one' }])
  })

  it('watches what a usable configuration names now, and no more what it does not', async () => {
    await writeFile(at('a'), 'one')
    await writeFile(at('old'), 'old')
    await writeFile(at('new'), 'new')
    const watched = await start(['a', 'old'])
    watched.asks = ['a', 'new']
    await writeFile(at('a'), 'two')
    await taken(watched, 1)
    await writeFile(at('old'), 'older')
    const polls = watched.polls + 20
    await until('it has looked again', async () => watched.polls >= polls)
    await writeFile(at('new'), 'newer')
    await taken(watched, 2)
    expect(watched.taken).toEqual([
      { a: 'two', new: 'new' },
      { a: 'two', new: 'newer' },
    ])
  })

  it('goes on to watch all files of one that cannot be used, and of the one before', async () => {
    await writeFile(at('a'), 'one')
    await writeFile(at('key'), 'key')
    const watched = await start(['a', 'key'])
    watched.becomes = 'refused'
    watched.asks = ['a']
    await writeFile(at('a'), 'broken')
    await taken(watched, 1)
    watched.asks = ['a', 'key']
    await writeFile(at('key'), 'other')
    await taken(watched, 2)
    expect(watched.taken).toEqual([{ a: 'broken' }, { a: 'broken', key: 'other' }])
  })

  it('takes again with each look what may be of use later, and then no more', async () => {
    await writeFile(at('a'), 'one')
    const watched = await start(['a'])
    watched.becomes = 'later'
    await writeFile(at('a'), 'two')
    await taken(watched, 3)
    watched.becomes = 'used'
    const times = watched.taken.length
    await taken(watched, times + 1)
    await watch?.lookNow()
    await watch?.lookNow()
    expect(watched.taken.length).toBe(times + 3)
    expect(new Set(watched.taken.map(({ a }) => a))).toEqual(new Set(['two']))
  })

  it('looks at once when told to, and takes what is there even if nothing has changed', async () => {
    await writeFile(at('a'), 'one')
    const watched = await start(['a'], { everyMs: 0 })
    await watch?.lookNow()
    await writeFile(at('a'), 'two')
    const both = [watch?.lookNow(), watch?.lookNow(), watch?.lookNow()]
    await Promise.all(both)
    expect(watched.taken).toEqual([{ a: 'one' }, { a: 'two' }])
  })

  it('never reads what can be read once only again: a pipe keeps what it said', async () => {
    await writeFile(at('a'), 'one')
    execFileSync('mkfifo', [at('pipe')])
    const writer = open(at('pipe'), 'w').then(async (file) => {
      await file.write('from the pipe')
      await file.close()
    })
    const watched = await start(['a', 'pipe'])
    await writer
    await writeFile(at('a'), 'two')
    await taken(watched, 1)
    await watch?.lookNow()
    expect(watched.taken).toEqual([
      { a: 'two', pipe: 'from the pipe' },
      { a: 'two', pipe: 'from the pipe' },
    ])
  })

  it('takes nothing any more once it is stopped', async () => {
    await writeFile(at('a'), 'one')
    const watched = await start(['a'])
    await watch?.stop()
    await writeFile(at('a'), 'two')
    await watch?.lookNow()
    expect(watched.taken).toEqual([])
  })
})

describe('the texts of a configuration', () => {
  it('are of one moment, however often they are asked for', async () => {
    await writeFile(at('a'), 'one')
    const files = readConfigFiles()
    expect(await files.readText(at('a'))).toBe('one')
    await writeFile(at('a'), 'two')
    expect(await files.readText(at('a'))).toBe('one')
    expect(await readFile(at('a'), 'utf8')).toBe('two')
  })

  it('are in no mark', async () => {
    await writeFile(at('a'), 'the-secret-of-a-store')
    const files = readConfigFiles()
    await files.readText(at('a'))
    await files.readText(at('b')).catch(() => {})
    const marks = [...(await files.marks('asked')).values()]
    expect(JSON.stringify(marks)).not.toContain('the-secret')
    expect(marks).toEqual([
      { mark: expect.stringMatching(/^[0-9a-f]{64}$/) },
      { mark: 'unreadable: ENOENT' },
    ])
  })
})
