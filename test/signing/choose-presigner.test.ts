import { describe, expect, it } from 'vitest'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { choosePresigner } from '../../src/signing/choose-presigner.ts'
import { presignRequest } from './presign-fixture.ts'

describe('the choice of a presigner', () => {
  it.each([
    ['auto', nodeHashing, 'native'],
    ['native', nodeHashing, 'native'],
    ['aws4fetch', nodeHashing, 'aws4fetch'],
    ['auto', undefined, 'aws4fetch'],
    ['aws4fetch', undefined, 'aws4fetch'],
  ] as const)('takes for "%s" what the runtime can do', (wanted, hashing, driver) => {
    const signed = choosePresigner({ wanted, hashing }).presign(presignRequest())
    // Only the native one answers at once.
    expect(signed instanceof Promise ? 'aws4fetch' : 'native').toBe(driver)
  })

  it('500: the native one where there is no synchronous hashing', () => {
    expect(() => choosePresigner({ wanted: 'native', hashing: undefined })).toThrow(
      expect.objectContaining({ code: 'InternalError' }),
    )
  })
})
