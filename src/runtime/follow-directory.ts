import type { Clock } from '../clock.ts'
import type { Directory } from '../gateway/directory/directory.ts'
import { FOLLOW_EVERY_MS } from '../gateway/directory/start-directory.ts'
import type { Logger } from '../log.ts'
import { currentScope } from './request-scope.ts'

/** How long a request waits for a reading, in milliseconds: then it goes by what is known. */
const WAIT_MS = 1_000
/** From one reading to the next while there is no answer, in milliseconds. */
const PAUSE_MS = 2_000

/**
 * Reads what others have changed in the directory, for requests: nothing else happens in an isolate. Each
 * reads by itself, unless it has just been read. While there is no answer, one of them tries now and then,
 * and that is told once. Never throws.
 */
export function createDirectoryFollower({
  stopwatch,
  log,
  waitMs = WAIT_MS,
}: {
  /** Not a clock that may be set. */
  readonly stopwatch: Clock
  readonly log: Pick<Logger, 'info' | 'error'>
  /** How long a request waits, in milliseconds. Default 1,000. */
  readonly waitMs?: number
}): (directory: Pick<Directory, 'staleMs' | 'sync'>) => Promise<void> {
  let beganAtMs = -Infinity
  let isUnderWay = false
  let isFailing = false

  async function read(directory: Pick<Directory, 'sync'>): Promise<void> {
    try {
      await directory.sync()
      if (isFailing) log.info('directory.heard')
      isFailing = false
    } catch (error) {
      if (!isFailing) log.error('directory.silent', { error })
      isFailing = true
    }
    isUnderWay = false
  }

  return async (directory) => {
    const staleMs = directory.staleMs()
    if (staleMs < FOLLOW_EVERY_MS) return
    const sinceMs = stopwatch.nowMs() - beganAtMs
    const isSilent = isFailing || (isUnderWay && sinceMs >= FOLLOW_EVERY_MS)
    // Somebody reads it already: what is known is good enough for so long.
    const isBeingRead = sinceMs < FOLLOW_EVERY_MS && staleMs < 2 * FOLLOW_EVERY_MS
    if (isSilent ? sinceMs < PAUSE_MS : isBeingRead) return
    beganAtMs = stopwatch.nowMs()
    isUnderWay = true
    const reading = read(directory)
    // What it reads by is closed with the request: not before it has ended.
    currentScope().closing.defer(() => reading)
    await atMost(waitMs, reading)
  }
}

/** Waits for work, but no longer than so many milliseconds; it goes on. */
async function atMost(waitMs: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs)
  })
  await Promise.race([work, over])
  clearTimeout(timer)
}
