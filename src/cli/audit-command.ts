import type { AuditEvent } from '../audit/port.ts'
import { type AdminInvocation, adminCommand } from './admin-command.ts'
import { limitOption, listAll, type Shown } from './admin-list.ts'
import { columns } from './columns.ts'

const USUAL_LIMIT = 100

const FILTERS = {
  tenant: ['T', 'only about a tenant'],
  user: ['U', 'only about a user'],
  bucket: ['B', 'only about a bucket'],
  event: ['E', 'only what is called so, like upload.granted'],
  'grant-hash': ['H', 'of a URL that was found: first 16 hex digits of its SHA-256'],
  'request-id': ['R', 'of one request'],
  'key-id': ['K', 'by an API key'],
  'upload-id': ['U', 'of one upload'],
  since: ['TIME', 'of this moment and later, RFC 3339 in UTC, or a day, like 2026-01-15'],
  until: ['TIME', 'before this moment, or before this day in UTC'],
} as const

/** `signet audit`. */
export const auditCommand = adminCommand({
  name: 'audit',
  texts: { ...FILTERS, limit: limitOption(USUAL_LIMIT) },
  summary: 'show what a running gateway has recorded: who, what, and how it was decided',
  help: 'Newest first.\n',
  run: (invocation) =>
    listAll(withMoments(invocation), {
      path: '/admin/v1/audit',
      member: 'events',
      filters: Object.keys(FILTERS),
      usual: USUAL_LIMIT,
      print: (events) => (events.length === 0 ? 'Nothing\n' : columns(events.map(lineOf)).join('')),
    }),
})

/** Times that are a day become its beginning in UTC; the gateway refuses what is neither. */
function withMoments(invocation: AdminInvocation): AdminInvocation {
  const texts = { ...invocation.texts }
  for (const name of ['since', 'until']) {
    if (/^\d{4}-\d{2}-\d{2}$/.test(texts[name] ?? '')) texts[name] = `${texts[name]}T00:00:00Z`
  }
  return { ...invocation, texts }
}

function lineOf(shown: Shown): readonly string[] {
  const event = shown as unknown as AuditEvent
  const { tenant, user, keyId, issuer, admin } = event
  const who = admin ?? (tenant === undefined ? '-' : [tenant, user].join('/'))
  const by = keyId === undefined ? issuer : `key ${keyId}`
  const { action, resource, bucket, sizeBytes, uploadId, rule, code, policies, reason } = event
  const what = [
    ...[by, action, resource, bucket, uploadId],
    ...(sizeBytes === undefined ? [] : [`${sizeBytes} bytes`]),
    ...(rule === undefined ? [] : [`by rule ${rule}`]),
    ...[code, policies?.join(' '), reason],
  ].filter((part) => part !== undefined && part !== '')
  return [event.at, event.event, who, what.join(', ')]
}
