import type { Shown } from './admin-list.ts'
import type { Command } from './cli-io.ts'
import {
  deleteCommand,
  type EntityKind,
  getCommand,
  listCommand,
  putCommand,
  setCommand,
} from './entity-commands.ts'

const SOURCE = [
  'S',
  'of the configuration file (configuration), or made by the admin API (admin)',
] as const
const PLAN = ['P', 'only those with this plan'] as const
const SUSPENDED = ['true|false', 'only those that are suspended, or that are not'] as const

const TENANTS: EntityKind = {
  plural: 'tenants',
  singular: 'a tenant',
  names: ['TENANT'],
  path: '/admin/v1/tenants/{TENANT}',
  filters: { plan: PLAN, source: SOURCE, suspended: SUSPENDED },
  table: [
    ['tenant', ({ id }) => id],
    ['plan', ({ plan }) => plan],
    ['users', ({ userCount }) => userCount],
    ['keys', ({ keyCount }) => keyCount],
    ['source', ({ source }) => source],
    ['state', stateOf],
  ],
  settings: `Settings are those of a tenant in the
configuration file without users and keys: plan, timeZone, allow, userPlans, suspended, overrides.
`,
}

const USERS: EntityKind = {
  plural: 'users',
  singular: 'a user',
  names: ['TENANT', 'USER'],
  path: '/admin/v1/tenants/{TENANT}/users/{USER}',
  filters: {
    plan: PLAN,
    source: ['S', 'configuration, admin, or seen: who came by a token and was not set up'],
    suspended: SUSPENDED,
  },
  table: [
    ['user', ({ id }) => id],
    ['plan', ({ plan }) => plan],
    ['first seen', ({ firstSeenAt }) => firstSeenAt],
    ['source', ({ source }) => source],
    ['state', stateOf],
  ],
  settings: `Settings are those of a user in the
configuration file: plan, suspended, overrides.
`,
}

const PLANS: EntityKind = {
  plural: 'plans',
  singular: 'a plan',
  names: ['PLAN'],
  path: '/admin/v1/plans/{PLAN}',
  filters: { source: SOURCE },
  table: [
    ['plan', ({ name }) => name],
    ['rates', ({ rates }) => policiesOf(rates)],
    ['quotas', ({ quotas }) => policiesOf(quotas)],
    ['source', ({ source }) => source],
    ['state', stateOf],
  ],
  settings: `Settings are those of a plan in the
configuration file: rates and quotas.
`,
}

/** Commands about who and how much: tenants, users and plans of a running gateway. */
export const DIRECTORY_COMMANDS: readonly Command[] = [
  listCommand(TENANTS),
  getCommand(TENANTS),
  putCommand(TENANTS),
  setCommand(TENANTS),
  deleteCommand(TENANTS, {
    verb: 'delete',
    done: 'the tenant is removed',
    summary: 'remove a tenant',
    help: 'Refused while it has keys, or users that were set up. Repeatable.\n',
  }),
  listCommand(USERS),
  getCommand(USERS),
  putCommand(USERS),
  setCommand(USERS),
  deleteCommand(USERS, {
    verb: 'delete',
    done: 'the user is removed',
    summary: 'remove a user',
    help: `Refused while a key acts for it. A token makes it appear again: to keep it out, set suspended=true.
`,
  }),
  listCommand(PLANS),
  getCommand(PLANS),
  putCommand(PLANS),
  deleteCommand(PLANS, {
    verb: 'delete',
    done: 'the plan is removed',
    summary: 'remove a plan',
    help: 'Refused while a tenant or user has it. Repeatable.\n',
  }),
]

function stateOf({ suspended, problem }: Shown): string {
  if (problem !== undefined) return `not in force: ${problem}`
  return suspended === true ? 'suspended' : 'active'
}

function policiesOf(limits: unknown): readonly string[] {
  return (limits as readonly { readonly policy: string }[]).map(({ policy }) => policy)
}
