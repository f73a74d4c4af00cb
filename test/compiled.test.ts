import { expect, it } from 'vitest'
import * as z from 'zod/mini'
import { compiled } from '../src/compiled.ts'

const shape = {
  name: z.string(),
  sizeBytes: z.optional(z.int()),
  mode: z._default(z.string(), 'a'),
}

it.each([
  [{ name: 'a' }],
  [{ name: 'a', sizeBytes: undefined }],
  [{ name: 'a', sizeBytes: 1, mode: 'b' }],
  [{ name: 1, sizeBytes: 'x' }],
  [{ name: 'a', more: 1 }],
  [[]],
  [null],
  [undefined],
])('says of %j what the schema says that it was made of', (value) => {
  const plain = z.strictObject(shape)
  const [expected, result] = [plain.safeParse(value), compiled(plain).safeParse(value)]
  expect(result.success).toBe(expected.success)
  expect(result.data).toStrictEqual(expected.data)
  expect(result.error?.issues).toEqual(expected.error?.issues)
})

it('makes code for what is derived as well', () => {
  const made = compiled(z.strictObject(shape))
  const refined = made.check(z.refine(({ name }) => name !== 'no', 'must be another name'))
  for (const schema of [made, refined, z.extend(made, { more: z.string() })]) {
    expect(schema).toBeInstanceOf(z.ZodMiniObject)
    expect(schema._zod.traits.has('$ZodObjectJIT')).toBe(true)
  }
  expect(refined.safeParse({ name: 'no' }).error?.issues[0]?.message).toBe('must be another name')
})
