import { describe, expect, it } from 'vitest'
import { adminPage } from '../../src/http/admin-page.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'

const CONTEXT = { hashing: nodeHashing, cursorKeys: [new Uint8Array(32).fill(7)] }

function page(names: readonly string[], more: { cursor?: string; limit?: number; scope?: string }) {
  const { cursor, limit = 2, scope = 'tenants' } = more
  return adminPage(CONTEXT, {
    scope: [scope],
    limit,
    cursor,
    items: names,
    nameOf: (name) => name,
  })
}

describe('a list of the admin API', () => {
  it('shows each item once, in the order of names, whatever order they come in', () => {
    const names = ['b', 'a', 'ä', 'B', '10', '9', 'a b']
    const shown: string[] = []
    let cursor: string | undefined
    do {
      const next = page(names.toReversed(), cursor === undefined ? {} : { cursor })
      shown.push(...next.items)
      cursor = next.nextCursor
    } while (cursor !== undefined)
    expect(shown).toEqual(['10', '9', 'B', 'a', 'a b', 'b', 'ä'])
  })

  it.each([
    [1, ['a'], true],
    [2, ['a', 'b'], true],
    [3, ['a', 'b', 'c'], false],
    [4, ['a', 'b', 'c'], false],
  ])(
    'with a limit of %i of three shows %j, and says whether there is more',
    (limit, items, more) => {
      const shown = page(['c', 'b', 'a'], { limit })
      expect([shown.items, shown.nextCursor !== undefined]).toEqual([items, more])
    },
  )

  it('goes on after a name that is gone meanwhile', () => {
    const { nextCursor = '' } = page(['a', 'b', 'c'], {})
    expect(page(['a', 'a2', 'c', 'd'], { cursor: nextCursor }).items).toEqual(['c', 'd'])
  })

  it('400: takes no cursor of another list, and none that is made up', () => {
    const { nextCursor = '' } = page(['a', 'b', 'c'], {})
    for (const wrong of [
      { cursor: nextCursor, scope: 'plans' },
      { cursor: `${nextCursor}A` },
      { cursor: 'YQ' },
    ]) {
      expect(() => page(['a', 'b', 'c'], wrong)).toThrow(
        expect.objectContaining({ code: 'InvalidRequest' }),
      )
    }
  })
})
