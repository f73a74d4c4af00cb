import { hasControl } from '../object-key.ts'

/** What may stand in braces; every other character of a template is meant as it is. */
export const KEY_VARIABLES = ['tenant', 'user', 'date', 'uuid', 'filename', 'key'] as const

export type KeyVariable = (typeof KEY_VARIABLES)[number]

/** Replaces all variables at once: what a value contains is never read as a template. */
export function expandTemplate(template: string, value: (variable: KeyVariable) => string): string {
  let text = ''
  for (const [index, part] of partsOf(template).entries()) {
    text += index % 2 === 0 ? part : value(part as KeyVariable)
  }
  return text
}

/** True when the template names the variable. */
export function usesVariable(template: string, variable: KeyVariable): boolean {
  return template.includes(`{${variable}}`)
}

const MAX_TEMPLATES = 1_000
const templates = new Map<string, readonly string[]>()

/** Plain text and variables in turns, from text to text. A configuration has a few, used all the time. */
function partsOf(template: string): readonly string[] {
  const known = templates.get(template)
  if (known !== undefined) return known
  const parts = template.split(VARIABLE)
  if (templates.size >= MAX_TEMPLATES) templates.clear()
  templates.set(template, parts)
  return parts
}

/**
 * What is wrong with a template, as clauses that go on from "the template …"; none when it can be
 * used. Whether a rendered key is an `ObjectKey` still shows only when it is rendered.
 */
export function templateProblems(template: string): string[] {
  const problems: string[] = []
  if (template === '') return ['is empty']
  const rest = template.replace(VARIABLE, '')
  const unknown = /\{([^{}]*)\}/.exec(rest)?.[1]
  if (unknown !== undefined) {
    problems.push(`names "{${unknown}}"; there are {${KEY_VARIABLES.join('}, {')}}`)
  } else if (/[{}]/.test(rest)) {
    problems.push('has a brace that is no part of a variable')
  }
  if (template.startsWith('/')) problems.push('starts with "/"')
  if (template.includes('\\')) problems.push('holds a backslash')
  if (hasControl(template) || !template.isWellFormed()) problems.push('holds a control character')
  if (template.split('/').some((segment) => segment === '.' || segment === '..')) {
    problems.push('has a "." or ".." segment')
  }
  return problems
}

/**
 * True when `{tenant}` and `{user}` stand alone between slashes. Joined to other text, two of them
 * can share a name: `a` with `b-c`, and `a-b` with `c`.
 */
export function keepsOwnersApart(template: string): boolean {
  return template
    .split('/')
    .every((segment) => !/\{(?:tenant|user)\}/.test(segment) || /^\{[a-z]+\}$/.test(segment))
}

/**
 * Which segment of a key names its tenant, from 0; `undefined` where keys of two tenants can be one, or text that
 * callers choose may stand before it. Pure.
 */
export function tenantSegment(template: string): number | undefined {
  const segments = template.split('/')
  const at = segments.indexOf('{tenant}')
  if (at === -1 || segments.slice(0, at).some((each) => each.includes('{key}'))) return undefined
  return at
}

/** Whether a key has a UUID where a template with `{uuid}` says, as far as that can be told of a key. Pure. */
export function hasUuidAsIn(template: string, key: string): boolean {
  const before = template.slice(0, template.indexOf('{uuid}'))
  // What callers choose may have any number of segments.
  if (before.includes('{key}')) return UUID.test(key)
  return UUID.test(key.split('/')[before.split('/').length - 1] ?? '')
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/

const VARIABLE = new RegExp(`\\{(${KEY_VARIABLES.join('|')})\\}`, 'g')
