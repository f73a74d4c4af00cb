import { type ConfigFiles, type FileMarks, readConfigFiles, sameMarks } from './config-files.ts'

/** A change counts when nothing has changed for so long, in milliseconds: files are written in pieces. */
const SETTLE_MS = 500
/** A file that never rests is taken as it is after so many looks. */
const MAX_SETTLE_LOOKS = 8
/** Whether it is to be looked at all is asked this often while it is not, in milliseconds. */
const IDLE_MS = 10_000

/** What became of the files that were taken. */
export type Taken =
  /** They are in force, or were already. */
  | 'used'
  /** Nobody can use them as they are. */
  | 'refused'
  /** They may be of use later, although nothing changes in them. */
  | 'later'

export interface WatchConfigOptions {
  /** What the configuration in force was read from. */
  readonly start: ConfigFiles
  /** Time between two looks, in milliseconds, asked for each time; 0: only when told to look. */
  readonly everyMs: () => number
  /**
   * Takes what the files hold now. Unless it can be used, files that it did not come to ask for are
   * watched as before. Never rejects.
   */
  readonly take: (files: ConfigFiles) => Promise<Taken>
  /** Lets time pass. Default: a timer. */
  readonly wait?: (ms: number) => Promise<void>
}

/** A watch over files, until it is stopped. */
export interface ConfigWatch {
  /**
   * Looks at once and takes what is there, changed or not, half-written or not. Resolves when it was
   * taken. Who asks while another one waits for its turn waits with it.
   */
  lookNow(): Promise<void>
  /** Looks no more, and waits for what is being taken. Repeating it is safe. */
  stop(): Promise<void>
}

/**
 * Watches a configuration and every file that it names by reading them again and again: what replaces
 * them by renaming, or swaps a symbolic link above them, tells no watcher of files. A file that is gone
 * counts as a change, too. What could not be used is not taken again until something changes, unless it
 * may be of use later: then with each look, as what was there before when that comes back.
 */
export async function watchConfig(options: WatchConfigOptions): Promise<ConfigWatch> {
  const { everyMs, take, wait = pause } = options
  let taken = await options.start.marks('all')
  /** The last ones may be of use later. Then what was taken before them is taken anew, too. */
  let isWaiting = false
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let taking = Promise.resolve()
  let last = Promise.resolve()
  let ordered: Promise<void> | undefined

  async function look(isOrdered: boolean): Promise<void> {
    let files = readConfigFiles(taken)
    if (!isOrdered) {
      const seen = await files.marks('all')
      if (isTaken(seen)) return
      files = await settled(seen)
      // Whoever writes a file twice may end with what was there before.
      if (isTaken(await files.marks('all'))) return
    }
    if (stopped) return
    taking = takeThem(files)
    await taking
  }

  function isTaken(seen: FileMarks): boolean {
    return !isWaiting && sameMarks(seen, taken)
  }

  async function settled(first: FileMarks): Promise<ConfigFiles> {
    let seen = first
    for (let looks = 1; ; looks += 1) {
      await wait(SETTLE_MS)
      const files = readConfigFiles(taken)
      const again = await files.marks('all')
      if (sameMarks(again, seen) || looks >= MAX_SETTLE_LOOKS) return files
      seen = again
    }
  }

  async function takeThem(files: ConfigFiles): Promise<void> {
    const became = await take(files)
    isWaiting = became === 'later'
    if (!isWaiting) taken = await files.marks(became === 'used' ? 'asked' : 'all')
  }

  function inTurn(isOrdered: boolean): Promise<void> {
    last = last.then(() => {
      if (isOrdered) ordered = undefined
      return look(isOrdered)
    })
    return last
  }

  function schedule(): void {
    if (stopped) return
    timer = setTimeout(
      () => {
        if (everyMs() > 0) void inTurn(false).then(schedule)
        else schedule()
      },
      everyMs() > 0 ? everyMs() : IDLE_MS,
    )
  }

  schedule()
  return {
    lookNow() {
      ordered ??= inTurn(true)
      return ordered
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await taking
    },
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref()
  })
}
