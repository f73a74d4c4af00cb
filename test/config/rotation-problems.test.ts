import { describe, expect, it } from 'vitest'
import { formatPath } from '../../src/config/problem.ts'
import { rotationProblems, rotationWarnings } from '../../src/config/rotation-problems.ts'
import { CANARIES, type Changes, load } from './config-fixture.ts'

const NEW = 'abcdefghijklmnopqrstuvwxyz012345'
/** No key, so that a pepper can be of any version. */
const NO_KEYS: Changes = { 'tenants.acme.keys': [] }

async function problems(
  before: Changes,
  after: Changes,
  keysBy: (version: number) => number = () => 0,
): Promise<readonly string[]> {
  const running = (await load({ ...NO_KEYS, ...before })).secrets
  const wanted = (await load({ ...NO_KEYS, ...after })).secrets
  return rotationProblems(running, wanted, keysBy).map(
    ({ path, message }) => `${formatPath(path)}: ${message}`,
  )
}

async function warnings(before: Changes, after: Changes): Promise<readonly string[]> {
  const running = (await load({ ...NO_KEYS, ...before })).secrets
  const wanted = (await load({ ...NO_KEYS, ...after })).secrets
  return rotationWarnings(running, wanted).map(
    ({ path, message }) => `${formatPath(path)}: ${message}`,
  )
}

describe.each(['pepper', 'ticketKey'] as const)('secrets.%s, replaced while in use', (name) => {
  const old = CANARIES[name]
  const refused = [expect.stringContaining(`secrets.${name}: must keep version 1 as it is`)]

  it('goes over to a new one beside which the old one stays', async () => {
    const both = { [`secrets.${name}`]: { current: NEW, previous: old } }
    expect(await problems({}, both)).toEqual([])
    expect(await problems(both, { [`secrets.${name}`]: { current: NEW, version: 2 } })).toEqual([])
    expect(await problems({}, {})).toEqual([])
  })

  it.each<[string, unknown]>([
    ['by another alone', NEW],
    ['by another of the next version', { current: NEW, version: 2 }],
    ['by another beside one that never was', { current: NEW, previous: `${NEW}-1` }],
    ['by another, two versions on', { current: NEW, previous: old, version: 3 }],
    ['by itself under another number', { current: old, version: 2 }],
  ])('is not dropped: %s', async (_, secret) => {
    const said = await problems({}, { [`secrets.${name}`]: secret })
    expect(said).toEqual(refused)
    expect(said.join()).not.toContain(old)
  })
})

describe('a secret before, dropped', () => {
  const both = (name: 'pepper' | 'ticketKey') => ({
    [`secrets.${name}`]: { current: NEW, previous: CANARIES[name] },
  })
  const alone = (name: string) => ({ [`secrets.${name}`]: { current: NEW, version: 2 } })
  const three = { current: `${NEW}-3`, previous: NEW, version: 3 }
  const otherText = { current: NEW, previous: `${NEW}-1` }

  it.each<[string, Changes]>([
    ['out', alone('pepper')],
    ['by a third', { 'secrets.pepper': three }],
    ['by another text', { 'secrets.pepper': otherText }],
  ])('is refused %s while API keys hang on it, and said how many', async (_, after) => {
    const keysBy = (version: number) => (version === 1 ? 7 : 0)
    const said = await problems(both('pepper'), after, keysBy)
    expect(said).toEqual([
      expect.stringMatching(/^secrets.pepper: must keep version 1 .*\(7\) and would be refused/),
    ])
    expect(said.join()).not.toContain(CANARIES.pepper)
    expect(await problems(both('pepper'), after, (version) => (version === 2 ? 7 : 0))).toEqual([])
    expect(await problems(both('pepper'), both('pepper'), keysBy)).toEqual([])
  })

  it('is told with what is lost, where nobody can count it', async () => {
    const lost = [expect.stringMatching(/^secrets.ticketKey: has version 1 no more: uploads under/)]
    expect(await warnings(both('ticketKey'), alone('ticketKey'))).toEqual(lost)
    expect(await warnings(both('ticketKey'), { 'secrets.ticketKey': three })).toEqual(lost)
    expect(await warnings(both('ticketKey'), both('ticketKey'))).toEqual([])
    expect(await warnings({}, both('ticketKey'))).toEqual([])
  })
})

describe('secrets.adminToken', () => {
  it('may end at once', async () => {
    expect(await problems({}, { 'secrets.adminToken': NEW })).toEqual([])
  })
})
