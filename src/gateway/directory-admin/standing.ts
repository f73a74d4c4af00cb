import { UNWRITTEN } from '../../config/directory/directory-entries.ts'
import { type DirectoryEntity, documentName } from '../../config/directory/document-name.ts'
import type { GatewayContext } from '../context.ts'
import type { JsonObject } from './merge-patch.ts'

/** How a document of the directory stands. */
export interface Standing {
  /** Its version in the store, 0 when it was never written. */
  readonly storedVersion: number
  /** The version that callers see; undefined when nothing is there, or it was removed. */
  readonly version: number | undefined
  /** What it holds; undefined when nothing is there, it was removed, or it cannot be read. */
  readonly settings: JsonObject | undefined
  /** It was there once. */
  readonly removed: boolean
  /** As it was written. */
  readonly text: string | undefined
}

/** How an entity's document stands, by what was last read. */
export function standingOf(
  { directory }: Pick<GatewayContext, 'directory'>,
  entity: DirectoryEntity,
): Standing {
  const document = directory.document(documentName(entity))
  const written = document !== undefined && document.version !== UNWRITTEN
  const settings = document === undefined ? undefined : parsed(document.value)
  const removed = settings?.removed === true
  return {
    storedVersion: written ? document.version : 0,
    version: written && !removed ? document.version : undefined,
    settings: removed ? undefined : settings,
    removed,
    text: document?.value,
  }
}

/** Whether what is written next makes the entity: nothing is there, nor does anything stand unread. */
export function isNew({ settings, text, removed }: Standing): boolean {
  return settings === undefined && (text === undefined || removed)
}

function parsed(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}
