/** Orders to read the configuration anew, from the moment they are listened to. */
export interface ReloadSignal {
  /** Calls `take` with each one, and at once if one came before. Only the last `take` is called. */
  onEach(take: () => void): void
}

/** Listens to SIGHUP for good: it ends the process no more, as it would by itself. */
export function listenToReloadSignal(): ReloadSignal {
  let taker: (() => void) | undefined
  let isEarly = false
  process.on('SIGHUP', () => {
    if (taker === undefined) isEarly = true
    else taker()
  })
  return {
    onEach(take) {
      taker = take
      if (isEarly) take()
      isEarly = false
    },
  }
}
