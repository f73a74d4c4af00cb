import { decodeMulti } from '@msgpack/msgpack'
import { expect, it } from 'vitest'
import { packStream } from '../../src/ledger/redis/msgpack-stream.ts'

const EDGES = [2 ** 7, 2 ** 8, 2 ** 16, 2 ** 32, 2 ** 53 - 1]
const NUMBERS = [-32, -1, 0, ...EDGES.flatMap((edge) => [edge - 1, edge]).slice(0, -1)]
const LENGTHS = [0, 1, 31, 32, 33, 255, 256, 4_096]
const TEXTS = [
  ...LENGTHS.map((length) => 'x'.repeat(length)),
  ...LENGTHS.map((length) => 'ü'.repeat(length)),
  `${'x'.repeat(20)}\u{1f4be}\n"\\`,
]

const unpacked = (bytes: Uint8Array) => [...decodeMulti(bytes)]

it('packs numbers and texts of every length so that another reader of msgpack finds them', () => {
  const values = [...NUMBERS, ...TEXTS]
  expect(unpacked(packStream(values))).toEqual(values)
  for (const value of values) expect(unpacked(packStream([value]))).toEqual([value])
})

it('leaves earlier answers alone when its memory is used up', () => {
  const lists = Array.from({ length: 500 }, (_, index) => [index, `${index}`.repeat(100), 2 ** 40])
  const packed = lists.map((list) => packStream(list))
  expect(packed.map(unpacked)).toEqual(lists)
})
