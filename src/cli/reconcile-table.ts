import type { ReconcileView } from '../http/reconcile-routes.ts'
import { columns } from './columns.ts'

type Finding = ReconcileView['findings'][number]

/** The end of a run for people: what was looked at, what was found, and what to do. */
export function reconcileTable(view: ReconcileView): string {
  const { counts, findings, clean, run } = view
  const { objects, counted, foreign } = counts
  const objectLines = findings.flatMap((finding) => objectLine(finding))
  const totalLines = findings.flatMap((finding) => totalLine(finding))
  return [
    `${objects} objects, ${counted} counted and ${foreign} of others, in run ${run}\n`,
    ...section('Objects', 'finding store bucket key size recorded', objectLines),
    ...section('Stored totals', 'subject policy posted found', totalLines),
    ...[clean ? 'ok\n' : '\n', ...adviceOf(view)],
  ].join('')
}

function section(title: string, head: string, lines: readonly (readonly (string | number)[])[]) {
  if (lines.length === 0) return []
  return [`\n${title}: ${lines.length}\n`, ...columns([[...head.split(' '), 'then'], ...lines])]
}

function objectLine(finding: Finding): (string | number)[][] {
  if (finding.kind === 'total') return []
  const { kind, store, bucket, key, sizeBytes = '', recordedBytes = '', action } = finding
  return [[kind, store, bucket, key, sizeBytes, recordedBytes, action]]
}

function totalLine(finding: Finding): (string | number)[][] {
  if (finding.kind !== 'total') return []
  const { subject, tenant, user, store, limitId, policy, posted, found, action } = finding
  const name = [tenant, user, store].filter((part) => part !== undefined).join('/')
  return [[name === '' ? subject : name, policy ?? `#${limitId}`, posted, found, action]]
}

function adviceOf({ findings, repair, missing = [] }: ReconcileView): string[] {
  const has = (action: Finding['action']) => findings.some((each) => each.action === action)
  const found = (kind: Finding['kind']) => findings.some((each) => each.kind === kind)
  const places = missing.map(({ store, bucket, prefix }) => `${store} ${bucket}/${prefix}`)
  return [
    ...(has('open') && !repair ? ['Put it right with: signet reconcile --repair\n'] : []),
    ...(found('forged')
      ? ['Forged tickets count as none: look at who writes to the bucket past Signet\n']
      : []),
    ...(found('unverified')
      ? ['Unverified tickets name a key that is not configured: add secrets.ticketKey of then\n']
      : []),
    ...(places.length > 0
      ? [
          `Not configured any more: ${places.join(', ')}. No total is lowered before they are back, or a run\n`,
          'is begun with --forget, once all in them is deleted for good\n',
        ]
      : []),
    ...(has('busy') ? ['Busy may be traffic: run it once more, when there is less\n'] : []),
    ...(has('unclear')
      ? ['Unclear totals may be of what could not be looked at: see above\n']
      : []),
    ...(has('unnamed') ? ['Unnamed totals are of nobody who is configured: leave them\n'] : []),
    ...(has('new') ? ['New totals count from now on: older objects are not in them\n'] : []),
    ...(has('versioned') ? ['Old versions stay charged while the bucket keeps them\n'] : []),
    ...(has('failed') ? ['What failed is in the log of the gateway\n'] : []),
  ]
}
