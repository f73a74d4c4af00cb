/**
 * The value of a canary. `open`: decisions are taken. `reasserting`: after a failover gateways put back
 * what may have been lost, until the ledger's clock reaches `openAtMs`. `lost`: a gateway has proved
 * that acknowledged reservations are gone; only an operator opens it again.
 */
export interface Epoch {
  readonly phase: 'open' | 'reasserting' | 'lost'
  /** Grows with every move; begins at the seconds since 1970 of the initialisation. */
  readonly generation: number
  /** Replication id of the server that the canary was written on. */
  readonly replicationId: string
  /** Only while reasserting. */
  readonly openAtMs: number
}

const MARK = { open: '', reasserting: 'r:', lost: 'x:' } as const
const PATTERN = /^(r:|x:)?(\d{1,15}):([0-9a-f]{40})(?::(\d{1,15}))?$/

/** Reads a canary; `undefined` for what none is. */
export function parseEpoch(text: string): Epoch | undefined {
  const match = PATTERN.exec(text)
  if (match === null) return undefined
  const [, mark, generation, replicationId = '', openAt] = match
  const phase = mark === 'r:' ? 'reasserting' : mark === 'x:' ? 'lost' : 'open'
  if ((phase === 'reasserting') !== (openAt !== undefined)) return undefined
  return {
    phase,
    generation: Number(generation),
    replicationId,
    openAtMs: Number(openAt ?? 0),
  }
}

/** The canary's text. */
export function epochText({ phase, generation, replicationId, openAtMs }: Epoch): string {
  const end = phase === 'reasserting' ? `:${openAtMs}` : ''
  return `${MARK[phase]}${generation}:${replicationId}${end}`
}

/**
 * Names the data that an epoch stands for: the same while reasserting and once it is open, another
 * one after each failover. The generation alone may repeat, when a failover loses a move.
 */
export function epochId({ generation, replicationId }: Epoch): string {
  return `${generation}:${replicationId}`
}
