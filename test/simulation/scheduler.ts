/** Something that happens at a moment of the virtual clock. */
interface Event {
  readonly atMs: number
  /** Breaks ties, so that one seed has one order. */
  readonly order: number
  readonly run: () => void
}

/**
 * The only clock and the only queue of a simulation: nothing in it waits for real time. Events run
 * one by one; after each, everything that it set going runs until it waits for another event.
 */
export class Scheduler {
  /** True time, in milliseconds since 1970; nobody in the simulation sees it as it is. */
  nowMs: number
  /** Events that have run. */
  steps = 0
  readonly #heap: Event[] = []
  #order = 0

  constructor(startMs: number) {
    this.nowMs = startMs
  }

  /** Runs `run` after a delay, at least 0. */
  after(delayMs: number, run: () => void): void {
    this.#order += 1
    push(this.#heap, { atMs: this.nowMs + Math.max(0, delayMs), order: this.#order, run })
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  /** When the next event is due; `undefined` when nothing will ever happen again. */
  get nextAtMs(): number | undefined {
    return this.#heap[0]?.atMs
  }

  /** Runs the next event and all that follows from it. */
  async step(): Promise<boolean> {
    const event = pop(this.#heap)
    if (event === undefined) return false
    this.nowMs = Math.max(this.nowMs, event.atMs)
    this.steps += 1
    event.run()
    // A turn of the event loop begins when no promise is left to be resumed.
    await new Promise(setImmediate)
    return true
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function push(heap: Event[], event: Event): void {
  let at = heap.length
  heap.push(event)
  while (at > 0) {
    const parent = (at - 1) >> 1
    const above = heap[parent] as Event
    if (!before(event, above)) break
    heap[at] = above
    at = parent
  }
  heap[at] = event
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0]
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    const right = heap[child + 1]
    if (right !== undefined && before(right, heap[child] as Event)) child += 1
    const smallest = heap[child] as Event
    if (!before(smallest, last)) break
    heap[at] = smallest
    at = child
  }
  heap[at] = last
  return first
}
