import { type StoreCall, unavailable } from './signed-call.ts'

/** What `read` makes of an answer. Whatever it throws becomes `StoreUnavailable`. */
export async function usableAnswer<Answer>(
  call: StoreCall,
  read: () => Answer | Promise<Answer>,
): Promise<Answer> {
  try {
    return await read()
  } catch (error) {
    throw unavailable(call, { reason: ownReason(error) })
  }
}

/** Our own words, or the error's name alone: others may quote the answer or the URL. */
function ownReason(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return error.message.startsWith('Cannot read ') ? error.message : error.name
}
