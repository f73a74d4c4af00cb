import { GatewayError } from '../errors.ts'
import type { ClaimedPart } from './complete-multipart.ts'
import type { UploadView } from './upload-view.ts'

/** Which upload is to be completed, and what the caller says of it. */
export interface Completion {
  /** Reservation id. */
  readonly rid: string
  readonly parts: readonly ClaimedPart[] | undefined
}

/** The completions of uploads of parts that run in this process: one of an upload at a time. */
export interface Completions {
  /**
   * Runs `complete`, or waits with whoever asks for the same meanwhile: all get one answer, or one
   * error. Throws `StoreUnavailable` for one that speaks of other parts than the one that runs.
   */
  share(completion: Completion, complete: () => Promise<UploadView>): Promise<UploadView>
}

/** Keeps nothing of a completion that has ended. */
export function createCompletions(): Completions {
  const running = new Map<string, { said: string; ending: Promise<UploadView> }>()
  return {
    share({ rid, parts }, complete) {
      const said = JSON.stringify(parts) ?? ''
      const before = running.get(rid)
      if (before?.said === said) return before.ending
      if (before !== undefined) return Promise.reject(busy())
      const ending = complete().finally(() => running.delete(rid))
      running.set(rid, { said, ending })
      return ending
    },
  }
}

function busy(): GatewayError {
  return new GatewayError('StoreUnavailable', 'Cannot complete the upload: it is being completed')
}
