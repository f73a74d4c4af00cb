import type { BucketCors, StoreCors } from '../gateway/cors.ts'
import type { PageVerdict } from '../gateway/page-verdicts.ts'
import type { CorsRule } from '../stores/cors-rules.ts'
import { columns, printable } from './columns.ts'

const USES: Readonly<Record<PageVerdict['use'], string>> = {
  put: 'PUT',
  settings: 'PUT with all settings',
  form: 'form',
  part: 'part of an upload',
  get: 'GET',
}
const WHY: Readonly<Record<NonNullable<PageVerdict['why']>, string>> = {
  unreachable: 'the store does not answer',
  status: 'refused',
  origin: 'the origin is not let in',
  method: 'the method is not let in',
  headers: 'headers are not let in',
  answer: 'sent, but its answer is hidden',
}

/** The report of a store's CORS for people: a table of what browsers may, and what is to change. */
export function corsTable({ store, buckets }: StoreCors): string {
  return buckets.map((bucket) => bucketText(store, bucket)).join('\n')
}

function bucketText(store: string, report: BucketCors): string {
  const { bucket, pages, notes, problem } = report
  return [
    `Store ${printable(store)}, bucket ${printable(bucket)}\n`,
    ...columns([
      ['origin', 'request', 'browser', 'ETag', 'the store says'],
      ...pages.map((page) => [
        page.origin,
        USES[page.use],
        verdictOf(page),
        page.exposesEtag === 'unknown' ? '?' : page.exposesEtag,
        page.seen,
      ]),
    ]),
    ...changeOf(report),
    ...notes.map((note) => `  ${printable(note)}\n`),
    ...(problem === undefined ? [] : [`  ${printable(problem)}\n`]),
  ].join('')
}

function verdictOf({ allowed, why, refusedHeaders }: PageVerdict): string {
  if (allowed) return 'allowed'
  const names = refusedHeaders.length === 0 ? '' : `: ${refusedHeaders.join(' ')}`
  return `${WHY[why ?? 'status']}${names}`
}

function changeOf({ api, applied, differs, rules = [], wanted = [] }: BucketCors): string[] {
  if (api !== 'yes') return []
  if (!differs) return ["  Signet's rule is there\n"]
  const before = rules.map(ruleText)
  const after = wanted.map(ruleText)
  const lines = [
    ...before.filter((rule) => !after.includes(rule)).map((rule) => `  - ${printable(rule)}\n`),
    ...after.filter((rule) => !before.includes(rule)).map((rule) => `  + ${printable(rule)}\n`),
  ]
  if (lines.length === 0) lines.push("  Signet's rule moves before the others\n")
  return [applied ? '  Put:\n' : '  To put, with --apply:\n', ...lines]
}

function ruleText({ id, origins, methods, headers, exposed, maxAgeSeconds }: CorsRule): string {
  return [
    ...(id === undefined ? [] : [`"${id}"`]),
    origins.join(' '),
    methods.join(' '),
    ...(headers.length === 0 ? [] : [`headers ${headers.join(' ')}`]),
    ...(exposed.length === 0 ? [] : [`exposed ${exposed.join(' ')}`]),
    ...(maxAgeSeconds === undefined ? [] : [`${maxAgeSeconds} s`]),
  ].join(' | ')
}
