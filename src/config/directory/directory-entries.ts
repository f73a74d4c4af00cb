import type * as z from 'zod/mini'
import type { StateDocument } from '../../state/port.ts'
import type { PlanInput } from '../schema-plans.ts'
import type { TenantSettingsInput, UserInput } from '../schema-tenants.ts'
import { type DirectoryEntity, entityOf } from './document-name.ts'
import {
  isRemoved,
  planDocumentSchema,
  tenantDocumentSchema,
  userDocumentSchema,
} from './entity-documents.ts'
import { type KeyDocument, readKeyDocument } from './key-document.ts'

/** Version of a document that only this gateway has, for now. */
export const UNWRITTEN = 0

/** What a user's document holds. */
export type UserSettings = UserInput & {
  readonly firstSeenAtMs?: number | undefined
  readonly claimedPlan?: string | undefined
}

/** What has changed since `taken`. */
export interface DirectoryChanges {
  /** Names. */
  readonly plans: ReadonlySet<string>
  /** Ids: all that hangs on them has to be looked at. */
  readonly tenants: ReadonlySet<string>
  /** Ids of users by tenant. */
  readonly users: ReadonlyMap<string, ReadonlySet<string>>
  /** Ids of keys. */
  readonly keys: ReadonlySet<string>
}

/** The documents of the directory, read. What cannot be read is not there, and is told. */
export interface DirectoryEntries {
  readonly plans: ReadonlyMap<string, PlanInput>
  readonly tenants: ReadonlyMap<string, TenantSettingsInput>
  readonly users: ReadonlyMap<string, ReadonlyMap<string, UserSettings>>
  /** Revoked ones too: their ids stay taken. */
  readonly keys: ReadonlyMap<string, KeyDocument>
  /** Names of documents that cannot be read, and why not. */
  readonly unreadable: ReadonlyMap<string, string>
  /** The document of a name, removed ones too. */
  document(name: string): StateDocument | undefined
  /** Takes documents as they are now; older versions than those that are there change nothing. */
  take(documents: Iterable<StateDocument>): void
  /** Takes documents as they are in the store, be they older than those that are there. */
  restore(documents: Iterable<StateDocument>): void
  /**
   * Of what is known, what these have in an older version; with the names of all that there are, also what is
   * not among them.
   */
  lost(
    found: Iterable<StateDocument>,
    names?: { has(name: string): boolean },
  ): readonly StateDocument[]
  /** Takes these names for all that there are: what is not among them the store has lost. */
  keepOnly(names: { has(name: string): boolean }): void
  /** Ids of a tenant's users, those too whose documents cannot be read. */
  userIdsOf(tenant: string): readonly string[]
  /** Ids of the keys of a tenant, or of one of its users; revoked ones too. */
  keyIdsOf(tenant: string, user?: string): readonly string[]
  /** Ids of tenants that name one of these plans themselves, or by one of their users. */
  tenantsWithPlans(plans: ReadonlySet<string>): readonly string[]
  changed(): DirectoryChanges
  /** All changes have been seen. */
  taken(): void
}

/** No documents. */
export function createDirectoryEntries(): DirectoryEntries {
  const documents = new Map<string, StateDocument>()
  const plans = new Map<string, PlanInput>()
  const tenants = new Map<string, TenantSettingsInput>()
  const users = new Map<string, Map<string, UserSettings>>()
  const keys = new Map<string, KeyDocument>()
  const unreadable = new Map<string, string>()
  const keyIds = new Map<string, Map<string, Set<string>>>()
  let changedPlans = new Set<string>()
  let changedTenants = new Set<string>()
  let changedUsers = new Map<string, Set<string>>()
  let changedKeys = new Set<string>()

  function change(entity: DirectoryEntity, value: unknown, name: string): void {
    unreadable.delete(name)
    const read = <Document extends object>(schema: z.ZodMiniType<Document>) =>
      readValue(schema, value, (why) => unreadable.set(name, why))
    switch (entity.kind) {
      case 'plan':
        changedPlans.add(entity.plan)
        put(plans, entity.plan, read(planDocumentSchema))
        break
      case 'tenant':
        changedTenants.add(entity.tenant)
        put(tenants, entity.tenant, read(tenantDocumentSchema))
        break
      case 'user': {
        const { tenant, user } = entity
        const own = users.get(tenant) ?? new Map<string, UserSettings>()
        users.set(tenant, own)
        changedUsers.set(tenant, (changedUsers.get(tenant) ?? new Set()).add(user))
        put(own, user, read(userDocumentSchema))
        break
      }
      case 'key': {
        changedKeys.add(entity.key)
        const result = value === undefined ? undefined : readKeyDocument(value)
        if (result !== undefined && 'problem' in result) unreadable.set(name, result.problem)
        const isKey = result !== undefined && 'key' in result && result.key.id === entity.key
        const before = keys.get(entity.key)
        if (before !== undefined) keysOf(before).delete(entity.key)
        if (isKey) keysOf(result.key).add(entity.key)
        put(keys, entity.key, isKey ? result.key : undefined)
      }
    }
  }

  function keysOf({ tenant, user }: Pick<KeyDocument, 'tenant' | 'user'>): Set<string> {
    const users = keyIds.get(tenant) ?? new Map<string, Set<string>>()
    keyIds.set(tenant, users)
    const ids = users.get(user) ?? new Set<string>()
    users.set(user, ids)
    return ids
  }

  function takeOne(document: StateDocument): void {
    const { name, value } = document
    const entity = entityOf(name)
    if (entity === undefined) return
    documents.set(name, document)
    change(entity, parsed(value), name)
  }

  return {
    plans,
    tenants,
    users,
    keys,
    unreadable,
    document: (name) => documents.get(name),
    take(taken) {
      for (const document of taken) {
        if ((documents.get(document.name)?.version ?? -1) < document.version) takeOne(document)
      }
    },
    lost(found, names) {
      const older = [...found].flatMap(({ name, version }) => {
        const known = documents.get(name)
        return known !== undefined && known.version > version ? [known] : []
      })
      const gone = names === undefined ? [] : [...documents.values()].filter(isGone(names))
      return [...older, ...gone]
    },
    keepOnly(names) {
      for (const { name } of [...documents.values()].filter(isGone(names))) {
        const entity = entityOf(name)
        if (entity === undefined) continue
        documents.delete(name)
        change(entity, undefined, name)
      }
    },
    restore(all) {
      for (const document of all) {
        const known = documents.get(document.name)
        const isSame = known?.version === document.version && known.value === document.value
        if (!isSame) takeOne(document)
      }
    },
    userIdsOf(tenant) {
      const ids = [...(users.get(tenant)?.keys() ?? [])]
      for (const name of unreadable.keys()) {
        const entity = entityOf(name)
        if (entity?.kind === 'user' && entity.tenant === tenant) ids.push(entity.user)
      }
      return ids
    },
    keyIdsOf(tenant, user) {
      const own = keyIds.get(tenant)
      const sets = user === undefined ? [...(own?.values() ?? [])] : [own?.get(user) ?? []]
      return sets.flatMap((ids) => [...ids])
    },
    tenantsWithPlans(names) {
      if (names.size === 0) return []
      const isNamed = (plan: string | undefined) => plan !== undefined && names.has(plan)
      const ids = [...tenants].flatMap(([id, { plan, userPlans = [] }]) =>
        [plan, ...userPlans].some(isNamed) ? [id] : [],
      )
      for (const [id, own] of users) {
        const settings = [...own.values()]
        if (settings.some(({ plan, claimedPlan }) => isNamed(plan ?? claimedPlan))) ids.push(id)
      }
      return ids
    },
    changed: () => ({
      plans: changedPlans,
      tenants: changedTenants,
      users: changedUsers,
      keys: changedKeys,
    }),
    taken() {
      changedPlans = new Set()
      changedTenants = new Set()
      changedUsers = new Map()
      changedKeys = new Set()
    },
  }
}

function isGone(names: { has(name: string): boolean }) {
  return ({ name, version }: StateDocument) => version !== UNWRITTEN && !names.has(name)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** A document by its schema; `undefined` for one that was removed, is gone, or is not as it must be. */
function readValue<Document extends object>(
  schema: z.ZodMiniType<Document>,
  value: unknown,
  tell: (why: string) => void,
): Exclude<Document, { removed: true }> | undefined {
  if (value === undefined) return undefined
  const result = schema.safeParse(value)
  if (!result.success) {
    tell('is not a document that this version can read')
    return undefined
  }
  return isRemoved(result.data) ? undefined : (result.data as Exclude<Document, { removed: true }>)
}

function put<Value>(map: Map<string, Value>, id: string, value: Value | undefined): void {
  if (value === undefined) map.delete(id)
  else map.set(id, value)
}
