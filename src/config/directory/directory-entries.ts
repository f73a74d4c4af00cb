import type * as z from 'zod'
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
  /** Plans or tenants: all that hangs on them has to be looked at. */
  readonly plansOrTenants: boolean
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
  /** Takes these names for all that there are: what is not among them the store has lost. */
  keepOnly(names: { has(name: string): boolean }): void
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
  let plansOrTenants = false
  let changedUsers = new Map<string, Set<string>>()
  let changedKeys = new Set<string>()

  function change(entity: DirectoryEntity, value: unknown, name: string): void {
    unreadable.delete(name)
    const read = <Document extends object>(schema: z.ZodType<Document>) =>
      readValue(schema, value, (why) => unreadable.set(name, why))
    switch (entity.kind) {
      case 'plan':
        plansOrTenants = true
        put(plans, entity.plan, read(planDocumentSchema))
        break
      case 'tenant':
        plansOrTenants = true
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
        put(keys, entity.key, isKey ? result.key : undefined)
      }
    }
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
    keepOnly(names) {
      for (const [name, document] of documents) {
        const isLost = !names.has(name) && document.version !== UNWRITTEN
        const entity = isLost ? entityOf(name) : undefined
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
    changed: () => ({ plansOrTenants, users: changedUsers, keys: changedKeys }),
    taken() {
      plansOrTenants = false
      changedUsers = new Map()
      changedKeys = new Set()
    },
  }
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
  schema: z.ZodType<Document>,
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
