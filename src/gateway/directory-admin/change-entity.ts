import { type DirectoryEntity, documentName } from '../../config/directory/document-name.ts'
import { GatewayError } from '../../errors.ts'
import { type AdminChange, auditedChange } from '../audited-change.ts'
import type { GatewayContext } from '../context.ts'
import { checkPrecondition, type Precondition } from '../precondition.ts'
import { changedMembers } from './changed-members.ts'
import type { JsonObject } from './merge-patch.ts'
import { type Standing, standingOf } from './standing.ts'

/** A change of one entity of the directory. */
export interface EntityChange {
  readonly entity: DirectoryEntity
  /** For the audit log, when what is known is as new as the store. */
  readonly change: AdminChange | (() => AdminChange)
  readonly precondition: Precondition
  /**
   * The document that is to be, from how it stands. It throws what speaks against the change, and is asked
   * again when somebody else was faster.
   */
  readonly next: (standing: Standing) => object
}

/** What came of a change. */
export interface ChangedEntity {
  /** Of the document, 1 and up. */
  readonly version: number
  /** It was not there before. */
  readonly created: boolean
  /** What its document holds: others may have changed it since. */
  readonly settings: JsonObject
}

/** How often somebody else may be faster. */
const MAX_ATTEMPTS = 8

/**
 * Changes a document of the directory: read as it is now, held against the precondition, recorded, and
 * written over that very version. What is so already is not written again. Throws `PreconditionFailed`,
 * `Overloaded` when it cannot be recorded, `LedgerUnavailable`, and what `next` throws.
 */
export async function changeEntity(
  context: GatewayContext,
  { entity, change, precondition, next }: EntityChange,
): Promise<ChangedEntity> {
  const { directory } = context
  const name = documentName(entity)
  let lost: GatewayError | undefined
  await directory.sync()
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const standing = standingOf(context, entity)
    const { storedVersion: ifVersion, version } = standing
    checkPrecondition(precondition, version)
    const value = JSON.stringify(next(standing))
    const settings: JsonObject = JSON.parse(value)
    if (value === standing.text && ifVersion > 0) {
      // The change that made it so may have been answered with 503, and must not be lost after this.
      await context.state.confirm()
      return { version: ifVersion, created: false, settings }
    }
    const { settings: before } = standing
    try {
      const written = await auditedChange(
        context,
        {
          ...(typeof change === 'function' ? change() : change),
          ...changedMembers(before, settings),
        },
        async () => {
          const put = await directory.put({ name, value, ifVersion })
          if (put !== undefined) return put
          lost = othersWereFaster()
          throw lost
        },
      )
      return { version: written, created: version === undefined, settings }
    } catch (error) {
      if (error !== lost) throw error
    }
  }
  throw lost ?? othersWereFaster()
}

function othersWereFaster(): GatewayError {
  return new GatewayError(
    'PreconditionFailed',
    'Cannot change it: others change it at the same time',
  )
}
