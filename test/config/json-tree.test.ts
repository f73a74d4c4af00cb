import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJsonTree } from '../../src/config/json-tree.ts'
import type { Path } from '../../src/config/problem.ts'
import { parseYamlTree } from '../../src/config/yaml-tree.ts'

/** Every place of a value, itself included. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  const inner = Array.isArray(value) ? [...value.entries()] : Object.entries(value ?? {})
  if (typeof value !== 'object') return [path]
  return [path, ...inner.flatMap(([step, member]) => pathsOf(member, [...path, step]))]
}

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

describe('a configuration that is JSON', () => {
  it('reads as it does as YAML: values, and where each of them stands', () => {
    const name = fc.oneof(fc.constantFrom('a', 'b c', '"', '\\', '😀', '[1]'), fc.string())
    const text = fc.oneof(fc.string(), fc.constantFrom('{"a":[', '\u2028', '\n', '\\u0041', '😀'))
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(text, fc.integer(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null)),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(name, tie('tree'), { maxKeys: 4 }),
      ),
    }))
    const map = fc.dictionary(name, tree, { minKeys: 1, maxKeys: 5 })
    fc.assert(
      fc.property(map, fc.constantFrom('', ' ', '   '), fc.nat(2), (settings, indent, above) => {
        const json = '\n'.repeat(above) + JSON.stringify(settings, null, indent)
        const [read, expected] = [parseJsonTree(json), parseYamlTree(json)]
        expect(expected.problems).toEqual([])
        expect(read?.problems).toEqual([])
        expect(read?.value).toStrictEqual(expected.value)
        for (const path of pathsOf(expected.value)) {
          for (const at of ['name', 'value'] as const) {
            expect(read?.locate(path, at)).toEqual(expected.locate(path, at))
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it('has lines that end as on other systems', () => {
    const read = parseJsonTree('{\r\n\t"a": {\r\n\t\t"b": 1 }\r\n}\r\n')
    expect(read?.locate(['a', 'b'], 'name')).toEqual({ line: 3, column: 3 })
    expect(read?.locate(['a', 'b'], 'value')).toEqual({ line: 3, column: 8 })
  })

  it('has maps without a prototype', () => {
    const { value } = parseJsonTree('{"a":{}}') ?? {}
    expect(Object.getPrototypeOf(value)).toBe(null)
    expect(Object.getPrototypeOf((value as { a: object }).a)).toBe(null)
  })

  it('is read as fast on one line as on many', () => {
    const list = JSON.stringify({ list: Array.from({ length: 2_000 }, (_, n) => n) })
    const blanks = ' '.repeat(2_000_000)
    // The fastest of three each: whatever else the machine does makes single ones slow.
    const msOf = (text: string) => {
      const times = [1, 2, 3].map(() => {
        const startedAtMs = performance.now()
        expect(parseJsonTree(text)?.problems).toEqual([])
        return performance.now() - startedAtMs
      })
      return Math.min(...times)
    }
    expect(msOf(`${list}${blanks}`)).toBeLessThan(5 * msOf(`${list}\n${blanks}`))
  })

  it('is nested 16 deep and no deeper', () => {
    expect(parseJsonTree(nested(16))?.problems).toEqual([])
    expect(parseYamlTree(nested(16)).problems).toEqual([])
    expect(parseJsonTree(nested(17))).toBe(undefined)
    expect(parseYamlTree(nested(17)).problems).toHaveLength(1)
  })

  it.each([
    ['a name that comes twice', '{"a":1,"b":{"c":1,"c":2}}'],
    ['the name __proto__', '{"a":[{"__proto__":1}]}'],
    ['an escaped __proto__', '{"\\u005f_proto__":1}'],
    ['a comma at the end', '{"a":1,}'],
    ['a comment', '{"a":1} # no'],
    ['no map', '["a"]'],
    ['nothing', ''],
    ['a mark at the beginning', '\ufeff{"a":1}'],
    ['YAML', '{a: 1}'],
    ['two maps', '{"a":1}{"b":2}'],
    ['a hundred thousand maps', nested(100_000)],
  ])('is left to the reader of YAML with %s', (_, text) => {
    expect(parseJsonTree(text)).toBe(undefined)
  })
})
