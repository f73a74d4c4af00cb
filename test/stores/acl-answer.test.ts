import { expect, it } from 'vitest'
import { parseAclAnswer } from '../../src/stores/acl-answer.ts'

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
const INSTANCE = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
const ALL_USERS = 'http://acs.amazonaws.com/groups/global/AllUsers'

function grant(grantee: string, permission = 'FULL_CONTROL', type = 'CanonicalUser'): string {
  return `<Grant><Grantee ${INSTANCE} xsi:type="${type}">${grantee}</Grantee><Permission>${permission}</Permission></Grant>`
}

function policy(owner: string, grants: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><AccessControlPolicy ${NAMESPACE}><Owner>${owner}</Owner><AccessControlList>${grants}</AccessControlList></AccessControlPolicy>`
}

const OWNER = '<ID>own</ID><DisplayName>Own</DisplayName>'

it.each([
  ['the owner alone', policy(OWNER, grant(OWNER))],
  ['the owner twice', policy(OWNER, grant(OWNER, 'READ') + grant(OWNER))],
  ['nobody', policy(OWNER, '')],
  // MinIO's answer for every object.
  ['an owner without a name', policy('<ID></ID>', grant('<ID></ID>'))],
])('is private to %s', (_, xml) => {
  expect(parseAclAnswer(xml)).toBe('private')
})

it.each([
  ['everybody', grant(`<URI>${ALL_USERS}</URI>`, 'READ', 'Group')],
  ['somebody else', grant('<ID>other</ID>', 'READ_ACP')],
  ['an address', grant('<EmailAddress>a@b.example</EmailAddress>', 'READ')],
  ['nobody that can be read', '<Grant><Permission>READ</Permission></Grant>'],
])('is shared with %s', (_, other) => {
  expect(parseAclAnswer(policy(OWNER, grant(OWNER) + other))).toBe('shared')
  expect(parseAclAnswer(policy(OWNER, other))).toBe('shared')
})

it.each([
  '',
  'AccessDenied',
  '<Error><Code>NotImplemented</Code></Error>',
  '<AccessControlPolicy></AccessControlPolicy>',
  '<AccessControlPolicy><Owner><ID>own</ID></Owner></AccessControlPolicy>',
  policy('', grant(OWNER)),
  policy(OWNER, grant(OWNER)).slice(0, -30),
  `<!DOCTYPE x>${policy(OWNER, grant(OWNER))}`,
])('is unknown by %j', (xml) => {
  expect(parseAclAnswer(xml)).toBe('unknown')
})
