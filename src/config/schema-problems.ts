import * as z from 'zod/mini'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import { didYouMean } from './suggest.ts'

type Issue = z.core.$ZodIssue

/** Tells a report what the schema found; `tree` is what was parsed. Values are never repeated. */
export function reportIssues(
  error: z.core.$ZodError,
  { schema, tree, report }: { schema: z.ZodMiniType; tree: unknown; report: Report },
): void {
  const known = knownMembers(schema)
  for (const issue of error.issues) reportIssue(issue, [], { known, tree, report })
}

interface Scope {
  readonly known: (path: Path) => Set<string>
  readonly tree: unknown
  readonly report: Report
}

function reportIssue(issue: Issue, base: Path, scope: Scope): void {
  const { known, tree, report } = scope
  const path = [
    ...base,
    ...issue.path.map((step) => (typeof step === 'number' ? step : String(step))),
  ]
  if (issue.code === 'unrecognized_keys') {
    for (const name of issue.keys) {
      report.problem([...path, name], `is unknown${didYouMean(name, known(path))}`, 'name')
    }
  } else if (issue.code === 'invalid_union') {
    const branch = likeliestBranch(issue.errors)
    if (branch === undefined)
      report.problem(path, messageOf(path, 'must be text or a mapping', tree))
    for (const inner of branch ?? []) reportIssue(inner, path, scope)
  } else if (issue.code === 'invalid_key') {
    for (const inner of issue.issues) report.problem(path, inner.message, 'name')
  } else {
    report.problem(path, messageOf(path, issue.message, tree))
  }
}

/** Of the forms that a member may have, the one that its author was after. */
function likeliestBranch(branches: readonly Issue[][]): readonly Issue[] | undefined {
  const open = branches.filter(
    (issues) => !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  )
  const cost = (issues: readonly Issue[]) =>
    issues.reduce(
      (sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1),
      0,
    )
  return open.toSorted((a, b) => cost(a) - cost(b))[0]
}

function messageOf(path: Path, message: string, tree: unknown): string {
  let value = tree
  for (const step of path) {
    if (typeof value !== 'object' || value === null) return message
    if (!Object.hasOwn(value, step)) return 'is required'
    value = (value as Record<string, unknown>)[step]
  }
  if (value === null) return `is empty, but ${message}`
  return typeof value === 'number' && message.startsWith('must be text')
    ? `${message}: put it in quotes`
    : message
}

/** A JSON Schema, as far as looking for names of members goes. */
interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: SchemaNode | boolean
  readonly items?: SchemaNode
  readonly anyOf?: readonly SchemaNode[]
}

function knownMembers(schema: z.ZodMiniType): (path: Path) => Set<string> {
  let root: SchemaNode | undefined
  return (path) => {
    root ??= z.toJSONSchema(schema, { io: 'input' }) as SchemaNode
    let nodes = branchesOf(root)
    for (const step of path) nodes = nodes.flatMap((node) => childrenOf(node, step))
    return new Set(nodes.flatMap(({ properties = {} }) => Object.keys(properties)))
  }
}

function childrenOf(node: SchemaNode, step: string | number): SchemaNode[] {
  const { properties = {}, additionalProperties, items } = node
  const child = typeof step === 'number' ? items : (properties[step] ?? additionalProperties)
  return typeof child === 'object' ? branchesOf(child) : []
}

function branchesOf(node: SchemaNode): SchemaNode[] {
  return [node, ...(node.anyOf ?? []).flatMap(branchesOf)]
}
