import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = join(import.meta.dirname, '..')
const SRC = join(ROOT, 'src')

/** The stages of a request, in reading order; the ground comes first and has no folder. */
const STAGES = [
  'ground',
  'auth',
  'policy',
  'stores',
  'limits',
  'state',
  'ledger',
  'signing',
  'audit',
  'config',
  'gateway',
  'http',
  'dialects',
  'console',
  'client',
  'cli',
  'runtime',
]
const MAX_LINES = 300
const MAX_MEDIAN_LINES = 100
const BANNED_NAMES = /(?:^|\/)(?:utils?|helpers?|common|lib|misc|index)(?:\.ts)?(?:\/|$)/

/** What only some runtimes have, and what asks where the code runs. */
const OF_ONE_RUNTIME =
  /\b(?:process\.\w+|Deno\.\w+|Bun\.\w+|Buffer\.\w+|import\.meta\.(?:env|dirname|filename)|navigator\.userAgent)/

const files = globSync('**/*.ts', { cwd: SRC }).sort()
const read = (file: string) => readFileSync(join(SRC, file), 'utf8')

function stageOf(file: string): string {
  const folder = file.split('/')[0] ?? ''
  return folder.endsWith('.ts') ? 'ground' : folder
}

/** Without its comments, which may speak of anything. */
function codeOf(file: string): string {
  return read(file).replaceAll(/^\s*\/\*\*?\s[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')
}

function importsOf(file: string): string[] {
  const imports = read(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)
  return [...imports].map(([, specifier]) => specifier ?? '')
}

function localImports(file: string): string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(SRC, join(SRC, dirname(file), specifier)))
}

/** Files and packages that are loaded with a file: what it imports as values, and so on. */
function loadedBy(file: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(file)) return loaded
  loaded.add(file)
  if (!files.includes(file)) return loaded
  const imports = read(file).matchAll(/^(?:import(?! type)|export) [^']*?from '([^']+)'/gm)
  for (const [, specifier = ''] of imports) {
    const local = specifier.startsWith('.')
    loadedBy(local ? relative(SRC, join(SRC, dirname(file), specifier)) : specifier, loaded)
  }
  return loaded
}

/** What breaks a rule, as `file: reason`, so that a failure names all of them at once. */
function offenders(reasonOf: (file: string) => string | undefined): string[] {
  return files.flatMap((file) => {
    const reason = reasonOf(file)
    return reason === undefined ? [] : [`${file}: ${reason}`]
  })
}

/** Files of runtime/ that every runtime loads: type-checked without those of any, as all other stages. */
const PORTABLE_RUNTIME = new Set<string>(
  JSON.parse(readFileSync(join(SRC, 'tsconfig.json'), 'utf8')).files,
)
const portable = (file: string) =>
  PORTABLE_RUNTIME.has(file) || !['runtime', 'cli'].includes(stageOf(file))

describe('architecture', () => {
  it('has a stage for every folder of src', () => {
    expect(offenders((file) => (STAGES.includes(stageOf(file)) ? undefined : 'no stage'))).toEqual(
      [],
    )
  })

  it('lets a file import its own folder and what stands before it, never what stands after', () => {
    const wrong = offenders((file) => {
      const own = STAGES.indexOf(stageOf(file))
      const after = localImports(file).filter((other) => STAGES.indexOf(stageOf(other)) > own)
      return after.length > 0 ? `imports ${after.join(', ')}` : undefined
    })
    expect(wrong).toEqual([])
  })

  it('keeps the ground free of the stages', () => {
    const wrong = offenders((file) =>
      stageOf(file) === 'ground' && localImports(file).some((other) => stageOf(other) !== 'ground')
        ? 'imports a stage'
        : undefined,
    )
    expect(wrong).toEqual([])
  })

  it('keeps modules and globals of any one runtime in runtime and cli', () => {
    const wrong = offenders((file) => {
      if (!portable(file)) return undefined
      const own = importsOf(file).find((specifier) => /^(?:node|bun|cloudflare):/.test(specifier))
      if (own !== undefined) return `imports ${own}`
      const [global] = OF_ONE_RUNTIME.exec(codeOf(file)) ?? []
      return global === undefined ? undefined : `reads ${global}`
    })
    expect(wrong).toEqual([])
  })

  it('lets portable files of runtime import portable files only', () => {
    const wrong = offenders((file) => {
      const bound = localImports(file).filter((other) => !portable(other))
      return PORTABLE_RUNTIME.has(file) && bound.length > 0
        ? `imports ${bound.join(', ')}`
        : undefined
    })
    expect(wrong).toEqual([])
  })

  it('loads what speaks to Redis only where there is one', () => {
    const loaded = loadedBy('runtime/run-process.ts')
    expect(loaded.size).toBeGreaterThan(300)
    const wrong = [...loaded].filter((file) => /ioredis|(?:^|\/)redis\.ts$|on-redis/.test(file))
    expect(wrong).toEqual([])
  })

  it('reads the clock in clock.ts alone', () => {
    const wrong = offenders((file) =>
      portable(file) &&
      file !== 'clock.ts' &&
      /Date\.now\(|new Date\(\)|performance\.now\(/.test(read(file))
        ? 'reads the clock'
        : undefined,
    )
    expect(wrong).toEqual([])
  })

  it('lets Hono in from http on, and driver libraries in nowhere but at their driver', () => {
    const http = STAGES.indexOf('http')
    const wrong = offenders((file) => {
      const libraries = importsOf(file)
      if (
        STAGES.indexOf(stageOf(file)) < http &&
        libraries.some((name) => name.startsWith('hono'))
      ) {
        return 'imports hono'
      }
      const signs = ['signing', 'stores'].includes(stageOf(file))
      return libraries.includes('aws4fetch') && !signs ? 'imports aws4fetch' : undefined
    })
    expect(wrong).toEqual([])
  })

  it('has no file above 300 lines, and a median below 100', () => {
    const lengths = files.map((file) => ({ file, lines: read(file).split('\n').length - 1 }))
    expect(lengths.filter(({ lines }) => lines > MAX_LINES)).toEqual([])
    const sorted = lengths.map(({ lines }) => lines).sort((a, b) => a - b)
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(MAX_MEDIAN_LINES)
  })

  it('has no drawer for leftovers, no barrel, no default export and no console', () => {
    const wrong = offenders((file) => {
      if (BANNED_NAMES.test(file)) return 'banned name'
      const text = read(file)
      if (/^export (?:\*|\{[^}]*\}) from/m.test(text)) return 'barrel'
      if (/^export default/m.test(text) && !file.endsWith('.d.ts')) return 'default export'
      return /\bconsole\.\w/.test(text) ? 'console' : undefined
    })
    expect(wrong).toEqual([])
  })

  it('builds no URL from what a request says about itself', () => {
    const wrong = offenders((file) =>
      stageOf(file) === 'http' && /new URL\(/.test(read(file)) ? 'new URL(' : undefined,
    )
    expect(wrong).toEqual([])
  })
})
