/** As much of JSON Schema as the gateway's document uses. */
export interface JsonSchema {
  readonly [member: string]: unknown
}

/**
 * What a value has that its schema does not allow, one line each. Strict where JSON Schema is not: a
 * member that is not described is a problem unless `additionalProperties` describes it.
 */
export function schemaProblems(root: JsonSchema, schema: JsonSchema, value: unknown): string[] {
  return problemsAt({ root, at: '$' }, schema, value)
}

interface Place {
  readonly root: JsonSchema
  readonly at: string
}

const KNOWN = new Set([
  ...['$ref', 'additionalProperties', 'anyOf', 'const', 'description', 'enum', 'items'],
  ...['maximum', 'minimum', 'properties', 'propertyNames', 'required', 'type'],
  // What is of a format has its pattern, too.
  ...['default', 'format', 'maxItems', 'maxLength', 'minItems', 'minLength', 'pattern'],
])

function problemsAt({ root, at }: Place, schema: JsonSchema, value: unknown): string[] {
  const unknown = Object.keys(schema).filter((name) => !KNOWN.has(name))
  if (unknown.length > 0) return [`${at}: cannot check ${unknown.join(', ')}`]
  if (typeof schema.$ref === 'string') {
    return problemsAt({ root, at }, resolveReference(root, schema.$ref), value)
  }
  if (Array.isArray(schema.anyOf)) {
    const tried = schema.anyOf.map((form) => problemsAt({ root, at }, form, value))
    return tried.some((problems) => problems.length === 0) ? [] : tried.flat()
  }
  if ('const' in schema && schema.const !== value) return [`${at}: is not ${schema.const}`]
  if (Array.isArray(schema.enum) && !schema.enum.includes(value)) return [`${at}: is not listed`]
  if (!hasType(schema.type, value)) return [`${at}: is no ${schema.type}`]
  if (typeof value === 'string') return isText(schema, value) ? [] : [`${at}: is not as it must be`]
  if (typeof value === 'number') {
    const { minimum = -Infinity, maximum = Infinity } = schema as {
      minimum?: number
      maximum?: number
    }
    return value < minimum || value > maximum ? [`${at}: is out of range`] : []
  }
  if (Array.isArray(value)) {
    const items = (schema.items ?? {}) as JsonSchema
    if (!isWithin(value.length, schema.minItems, schema.maxItems))
      return [`${at}: has too many or too few items`]
    return value.flatMap((item, index) => problemsAt({ root, at: `${at}[${index}]` }, items, item))
  }
  return typeof value === 'object' && value !== null
    ? objectProblems({ root, at }, schema, value)
    : []
}

function objectProblems({ root, at }: Place, schema: JsonSchema, value: object): string[] {
  const properties = (schema.properties ?? {}) as Readonly<Record<string, JsonSchema>>
  const required = (schema.required ?? []) as readonly string[]
  const others = schema.additionalProperties
  const missing = required.filter((name) => !Object.hasOwn(value, name))
  return [
    ...missing.map((name) => `${at}.${name}: is missing`),
    ...Object.entries(value).flatMap(([name, member]) => {
      const described = properties[name] ?? (typeof others === 'object' ? others : undefined)
      const place = { root, at: `${at}.${name}` }
      if (described === undefined || described === null) return [`${place.at}: is not described`]
      return problemsAt(place, described as JsonSchema, member)
    }),
  ]
}

function isText({ pattern, minLength, maxLength }: JsonSchema, value: string): boolean {
  const fits = typeof pattern !== 'string' || new RegExp(pattern, 'u').test(value)
  return fits && isWithin([...value].length, minLength, maxLength)
}

function isWithin(size: number, minimum: unknown, maximum: unknown): boolean {
  return size >= Number(minimum ?? 0) && size <= Number(maximum ?? Number.MAX_SAFE_INTEGER)
}

function hasType(type: unknown, value: unknown): boolean {
  if (type === undefined) return true
  if (Array.isArray(type)) return type.some((each) => hasType(each, value))
  if (type === 'integer') return Number.isSafeInteger(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'null') return value === null
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}

function resolveReference(root: JsonSchema, reference: string): JsonSchema {
  let found: unknown = root
  for (const part of reference.slice(2).split('/')) found = (found as JsonSchema)[part]
  return found as JsonSchema
}
