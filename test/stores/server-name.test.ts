import { describe, expect, it } from 'vitest'
import { serverName } from '../../src/stores/server-name.ts'

describe('the name of a server', () => {
  it.each([
    ['AmazonS3', 'AmazonS3'],
    ['Evil\u009b2J\u00ad/1', 'Evil2J/1'],
    ['s'.repeat(128), 's'.repeat(128)],
    ['s'.repeat(129), 's'.repeat(128)],
    ['', undefined],
    ['\u009b', undefined],
  ])('%j is shown as %j: printable ASCII, 128 characters at most', (server, shown) => {
    expect(serverName(new Headers({ server }))).toBe(shown)
  })

  it('is none where the answer says nothing', () => {
    expect(serverName(new Headers())).toBeUndefined()
  })
})
