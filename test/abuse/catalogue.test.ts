import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CATALOGUE } from './catalogue.ts'

const TEST = join(import.meta.dirname, '..')
/** 121 abuse cases, 13 probes, 36 faults: a case may be added, never taken out. */
const FEWEST_IDS = 170

// A title stands right behind `it(`, `describe.each(…)(` and the like; its first word is the id.
const TITLE = /(?:\b(?:it|test|describe\w*)(?:\.\w+)*|\)|`)\s*\(\s*['"`]([A-Z]\d{2})\b/g
// `describeOnCeph` skips by itself, visibly, and is written in none of these files.
const SWITCHED_OFF = /\.(?:skip|todo|only|skipIf|runIf|fails)\b|\b(?:skip|todo|only|fails): *true\b/

interface Sources {
  readonly [file: string]: string
}

function readTests(): Sources {
  const files = globSync('**/*.test.ts', { cwd: TEST, exclude: ['**/node_modules/**'] })
  const guard = join('abuse', 'catalogue.test.ts')
  const named = files.filter((file) => file !== guard)
  return Object.fromEntries(named.map((file) => [file, readFileSync(join(TEST, file), 'utf8')]))
}

function idsIn(text: string): string[] {
  return [...text.matchAll(TITLE)].map(([, id]) => id ?? '')
}

/** What is wrong between the list and the tests, one line each. */
function disagreements(sources: Sources, catalogue = CATALOGUE): string[] {
  const files = Object.entries(sources)
  const tested = new Set(files.flatMap(([, text]) => idsIn(text)))
  return [
    ...files.flatMap(([file, text]) => [
      ...idsIn(text)
        .filter((id) => catalogue[id] === undefined)
        .map((id) => `${file}: ${id} is not in the catalogue`),
      ...(idsIn(text).length > 0 && SWITCHED_OFF.test(text)
        ? [`${file}: holds ids and something switched off`]
        : []),
    ]),
    ...Object.entries(catalogue).flatMap(([id, { state }]) => {
      if (state === 'done') return tested.has(id) ? [] : [`${id} is done and has no test`]
      return tested.has(id) ? [`${id} has a test and is still marked later`] : []
    }),
  ]
}

describe('the catalogue of abuse cases and faults', () => {
  it('agrees with the tests: a test for what is done, an entry for every id', () => {
    expect(disagreements(readTests())).toEqual([])
  })

  it('has every id of the threat model, none fewer', () => {
    const counts = new Map<string, number>()
    for (const id of Object.keys(CATALOGUE)) {
      const letter = id.slice(0, 1)
      counts.set(letter, (counts.get(letter) ?? 0) + 1)
      expect(id).toBe(`${letter}${String(counts.get(letter)).padStart(2, '0')}`)
    }
    expect(Object.keys(CATALOGUE).length).toBeGreaterThanOrEqual(FEWEST_IDS)
  })

  it('gives every entry one line of its own, and every later one what it waits for', () => {
    const lines = Object.values(CATALOGUE).map(({ what }) => what)
    expect(new Set(lines).size).toBe(lines.length)
    for (const entry of Object.values(CATALOGUE)) {
      expect(entry.what).toMatch(/^\S.{3,}$/)
      if (entry.state === 'later') expect(entry.waitsFor).toMatch(/^[^#]{3,}$/)
    }
  })

  it('sees ids in every form of title, and only in titles', () => {
    const text = [
      "it('A01 one', () => {})",
      'it(`A02 two`, () => {})',
      "describe('A03 three', () => {})",
      "it.each([\n  ['A99', /[')]/],\n])('A04 %s', () => {})",
      "describe.each(stores())(\n  'A05 five',\n  () => {},\n)",
      "describeOnCeph('A06 six', () => {})",
      "test.concurrent('A07 seven', () => {})",
      "call('A98 no title')",
    ].join('\n')
    expect(idsIn(text)).toEqual(['A01', 'A02', 'A03', 'A04', 'A05', 'A06', 'A07'])
  })

  it('fails for a missing test, an unknown id, a forgotten state and what is switched off', () => {
    const catalogue = {
      A01: { what: 'one', state: 'done' },
      A02: { what: 'two', state: 'later', waitsFor: 'JWT' },
    } as const
    const found = (text: string) => disagreements({ 'a.test.ts': text }, catalogue)
    expect(found("it('A01 one', f)")).toEqual([])
    expect(found("it('nothing', f)")).toEqual(['A01 is done and has no test'])
    expect(found("it('A01 one', f)\nit('Z01 ?', f)")).toEqual([
      'a.test.ts: Z01 is not in the catalogue',
    ])
    expect(found("it('A01 one', f)\nit('A02 two', f)")).toEqual([
      'A02 has a test and is still marked later',
    ])
    for (const off of ["it.skip('A01 one', f)", "it('A01 one', { only: true }, f)"]) {
      expect(found(off)).toEqual(['a.test.ts: holds ids and something switched off'])
    }
    expect(found("describe.todo.each([1])('A01 one', f)")).toHaveLength(1)
  })
})
