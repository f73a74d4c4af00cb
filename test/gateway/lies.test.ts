import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProbeReport } from '../../src/stores/probe-report.ts'
import type { HostileOptions } from '../support/hostile-store/hostile-store.ts'
import { LIES } from '../support/hostile-store/lies.ts'
import { consequencesOf } from './lie-consequences.ts'
import { bodyOf, outcomesOf, REQUESTS } from './lie-outcomes.ts'
import { LIE_TABLE, type LieLine } from './lie-table.ts'
import {
  changes,
  type LyingStore,
  openLyingStore,
  type Told,
  toldBy,
  without,
} from './lies-fixture.ts'

let lying: LyingStore
let honest: ProbeReport
let outcomes: Told
const known = new Set<string>()

beforeAll(async () => {
  lying = await openLyingStore()
  honest = await lying.probe()
  lying.gateway.context.storeTruth.adopt(honest)
  outcomes = await outcomesOf(lying)
})

afterAll(() => lying[Symbol.asyncDispose]())

/** Requests that are refused, dry or not, and of which nothing is charged: one of each reason. */
async function expectRefused(different: Told): Promise<void> {
  const { gateway, round } = lying
  const reasons = new Map(Object.entries(different).map(([name, outcome]) => [outcome, name]))
  const names = [...reasons].flatMap(([outcome, name]) => (`${outcome}` >= '4' ? [name] : []))
  // Dry runs pass at 20 a second.
  gateway.clock.advance(1_000)
  const before = await levels()
  for (const name of names) {
    const path = name === 'download' ? '/v1/downloads' : '/v1/uploads'
    const wanted = [path, ...(name === 'download' ? [] : [`${path}?dryRun=true`])]
    for (const each of wanted) {
      const answer = await gateway.call('POST', each, bodyOf(name, round))
      const { code, capability } = (await answer.json()) as Record<string, string>
      expect(`${answer.status} ${capability ?? code}`).toBe(different[name])
    }
  }
  expect(await levels()).toEqual(before)
}

/** What is counted of quotas; how many requests there were is in any case. */
async function levels(): Promise<unknown> {
  const answer = await lying.gateway.call('GET', '/v1/usage')
  const { limits } = (await answer.json()) as { limits: { unit: string }[] }
  return limits.filter(({ unit }) => unit !== 'requests')
}

const titled = LIE_TABLE.map((line) => [titleOf(line), line] as const)

function titleOf({ lies, store }: LieLine): string {
  const told = lies.map((lie) => LIES[lie])
  return [...told, ...(store === undefined ? [] : [JSON.stringify(store)])].join(', and ')
}

describe('a store without a lie', () => {
  it('has all that a probe looks for, and everything is signed', () => {
    const told = toldBy(honest)
    const lacking = Object.entries(told).filter(([, value]) => value === 'no')
    expect([honest.complete, lacking]).toEqual([true, [['duplicateParameters', 'no']]])
    expect(told).toMatchObject({
      unsignedHeaders: 'reject',
      unsignedCopySource: 'closed',
      writeOnce: 'if-none-match',
      ifMatch: 'quoted',
      checksums: ['CRC64NVME', 'CRC32', 'CRC32C', 'SHA1', 'SHA256'],
      futureSkewSeconds: 840,
      brokenKeys: [],
    })
    expect(outcomes).toEqual({
      ...Object.fromEntries(
        ['auto', 'put', 'once', 'strict', 'tags', 'encryption', 'oddKey'].map((name) => [
          name,
          '201 PUT exact typed once',
        ]),
      ),
      sha256: '201 PUT exact typed once sha256',
      md5: '201 PUT exact typed once md5',
      overwrite: '201 PUT exact typed if-match',
      post: '201 POST exact typed',
      postHeaders: '201 POST exact typed',
      parts: '201 parts exact typed once',
      partsOnce: '201 parts exact typed once',
      partsTags: '201 parts exact typed once',
      download: '200',
    })
  })
})

describe('a store that', () => {
  it.each(titled)(
    '%s: the probe finds it, and nobody gets what it would break',
    async (_, line) => {
      const { lies, found, store, looks = Object.keys(found) } = line
      const report = await lying.probe({ ...store, lies }, without(honest, looks))
      expect(changes(toldBy(honest), toldBy(report))).toEqual(found)
      expect([lying.store.bucket.keys(), lying.store.bucket.pendingUploads]).toEqual([[], 0])

      lying.gateway.context.storeTruth.adopt(report)
      const expected = consequencesOf(found)
      // What else becomes of requests depends upon what was found, so it is asked once.
      const asked = known.has(JSON.stringify(found)) ? Object.keys(expected) : REQUESTS
      known.add(JSON.stringify(found))
      const different = changes(outcomes, { ...outcomes, ...(await outcomesOf(lying, asked)) })
      expect(different).toEqual(expected)
      await expectRefused(different)
    },
  )
})

/** So many stores tell most of the lies; what only the others would tell is kin to those. */
const STORES = 4

/** Lies that have nothing to do with each other, told together by as few stores as that takes. */
function togetherTold(): readonly LieLine[] {
  const groups: { lies: LieLine['lies']; found: Told; store: HostileOptions }[] = []
  for (const { lies, found, store = {}, alone = false } of LIE_TABLE) {
    const names = namesOf(found)
    // What makes something else of a lie would do so with all of them.
    if (alone || lies.length > 1 || names.length === 0 || names.length > 6) continue
    const group = groups.find(
      (one) =>
        names.every((name) => !namesOf(one.found).includes(name)) &&
        Object.keys(store).every((name) => !(name in one.store)),
    )
    if (group === undefined) {
      groups.push({ lies, found, store })
      continue
    }
    group.lies = [...group.lies, ...lies]
    group.found = { ...group.found, ...found }
    group.store = { ...group.store, ...store }
  }
  return groups.slice(0, STORES)
}

/** What is pinned depends upon what can be. */
function namesOf(found: Told): readonly string[] {
  return Object.keys(found).map((name) => (name === 'pinnable' ? 'fixedHeaders' : name))
}

describe('a store that tells many lies at once', () => {
  it.each(togetherTold().map((line, index) => [index + 1, line.lies.length, line] as const))(
    '%i: the probe finds all %i, and nothing else',
    async (_, count, { lies, found, store }) => {
      expect(new Set(lies).size).toBe(count)
      const report = await lying.probe({ ...store, lies })
      expect(changes(toldBy(honest), toldBy(report))).toEqual(found)
    },
  )
})
