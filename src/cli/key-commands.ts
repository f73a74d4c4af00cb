import { type AdminInvocation, adminCommand, adminPath } from './admin-command.ts'
import { type Command, type ExitCode, UsageError } from './cli-io.ts'
import { printable } from './columns.ts'
import {
  answered,
  deleteCommand,
  type EntityKind,
  getCommand,
  listCommand,
  preconditions,
  setCommand,
} from './entity-commands.ts'
import { readSettings } from './read-settings.ts'

const KEYS: EntityKind = {
  plural: 'keys',
  singular: 'an API key',
  names: ['TENANT', 'KEY'],
  path: '/admin/v1/tenants/{TENANT}/keys/{KEY}',
  listPath: '/admin/v1/keys',
  filters: {
    tenant: ['T', 'only those of a tenant'],
    user: ['U', 'only those of a user'],
    status: ['S', 'active, expired or revoked'],
    pepper: ['P', 'only those on the current, the previous or a pepper that is gone'],
  },
  table: [
    ['key', ({ id }) => id],
    ['tenant', ({ tenant }) => tenant],
    ['user', ({ user }) => user],
    ['status', ({ status }) => status],
    ['label', ({ label }) => label],
    ['ends', ({ expiresAt }) => expiresAt],
    ['last used', ({ lastUsedAt }) => lastUsedAt],
    ['pepper', ({ secrets }) => peppers(secrets)],
    ['source', ({ source }) => source],
  ],
  settings:
    'Settings are label, expiresAt (RFC 3339) and\nallow, the rules as in the configuration file.\n',
}

const issue = adminCommand({
  name: 'keys issue',
  names: ['TENANT', 'USER', 'RULES'],
  texts: {
    id: ['ID', 'letters and digits, never used before; default: a random one'],
    label: ['TEXT', 'what it is for'],
    'expires-at': ['TIME', 'when it ends, RFC 3339; default: never'],
  },
  summary: 'make an API key in a running gateway; its secret is shown once',
  help: `RULES is a file, YAML or JSON: the list "allow" of a key as in the configuration file. The key is good
on every gateway within 2 seconds. "keys create" makes one for the configuration file instead.
`,
  async run(invocation) {
    const { names, texts, io } = invocation
    const [, user, file = ''] = names
    const allow = await readSettings(file, io)
    if (allow === undefined) return 1
    const body = {
      user,
      allow,
      id: texts.id,
      label: texts.label,
      expiresAt: texts['expires-at'],
    }
    return issued(invocation, { path: adminPath(KEYS.path.replace('/{KEY}', ''), names), body })
  },
})

const rotate = adminCommand({
  name: 'keys rotate',
  names: ['TENANT', 'KEY'],
  texts: {
    'overlap-seconds': ['N', 'how long the secrets before go on, 0 to 7776000; default 3600'],
    'if-match': ['TAG', 'only over this version, as "get" shows it'],
  },
  summary: 'give an API key a new secret, which is shown once',
  help: `Whoever has the old one can use it until the overlap ends.
`,
  run(invocation) {
    const { names, texts } = invocation
    const overlap = texts['overlap-seconds']
    if (overlap !== undefined && !/^\d{1,9}$/.test(overlap)) {
      throw new UsageError('--overlap-seconds must be a whole number')
    }
    return issued(invocation, {
      path: `${adminPath(KEYS.path, names)}/rotate`,
      body: overlap === undefined ? {} : { overlapSeconds: Number(overlap) },
    })
  },
})

/** Commands about API keys of a running gateway. */
export const KEY_COMMANDS: readonly Command[] = [
  listCommand(KEYS),
  getCommand(KEYS),
  issue,
  setCommand(KEYS),
  rotate,
  deleteCommand(KEYS, {
    verb: 'revoke',
    done: 'the key is revoked, and refused everywhere within 2 seconds',
    summary: 'revoke an API key, for good',
    help: 'Its id is never given again. Repeatable.\n',
  }),
]

/** Which peppers the secrets of a key hang on: `current, gone`. */
function peppers(secrets: unknown): string | undefined {
  const shown = Array.isArray(secrets) ? secrets.map(({ pepper }) => pepper) : []
  return shown.length === 0 ? undefined : [...new Set(shown)].join(', ')
}

async function issued(
  invocation: AdminInvocation,
  call: { readonly path: string; readonly body: unknown },
): Promise<ExitCode> {
  const answer = await invocation.ask({
    ...call,
    method: 'POST',
    headers: preconditions(invocation),
  })
  return answered(invocation, answer, ({ value }) => {
    const { id, tenant, user, secret } = value as Readonly<Record<string, string>>
    const whose = printable(`API key "${id}" of ${tenant}, for ${user}, shown this once:`)
    return `${whose}\n\n  ${secret}\n`
  })
}
