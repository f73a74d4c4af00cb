import type { GatewayContext } from '../../src/gateway/context.ts'
import { settleByEvent } from '../../src/gateway/events/settle-by-event.ts'
import { noteText, parseNote } from '../../src/gateway/reservation-note.ts'
import { decideAdmit } from '../../src/ledger/decide-admit.ts'
import { decideFinish } from '../../src/ledger/decide-finish.ts'
import type { LedgerState } from '../../src/ledger/decision.ts'
import type {
  AdmitCommand,
  FinishCommand,
  Hold,
  Ledger,
  Reservation,
} from '../../src/ledger/port.ts'
import { placedKey } from '../../src/stores/object-url.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import type { ServerDefects } from './ledger-server.ts'
import { MULTIPART_SECONDS } from './simulated-config.ts'
import type { ByEvent } from './store-events.ts'
import type { Defects } from './world.ts'

type Decide = NonNullable<ServerDefects['decide']>

/** A gateway or a ledger with one defect, put around the real code. Each must be found. */
export interface Mutant {
  /** Completes "a … that". */
  readonly name: string
  /** Fresh for every run: some remember what they have seen. */
  readonly defects: () => Defects
  /** Invariants that may show it. */
  readonly breaks: readonly string[]
  /** Histories that are looked at. Default 15. */
  readonly maxSeeds?: number
  /** Default 1. */
  readonly firstSeed?: number
  /** Whether the store sends events. Default false. */
  readonly events?: boolean
}

const FAR_AWAY_MS = Number.MAX_SAFE_INTEGER

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'gateway that takes a store’s 5xx for a 404',
    breaks: ['I6', 'I7'],
    defects: () => ({
      storeClient: (client) => ({
        ...client,
        async head(place) {
          try {
            return await client.head(place)
          } catch {
            return { found: false, storeNowMs: FAR_AWAY_MS }
          }
        },
      }),
    }),
  },
  {
    name: 'gateway that releases at its first look, before exp',
    breaks: ['I6'],
    defects: () => ({
      ledger: withFinish((command) => {
        const looksAgain = command.op === 'M' && command.note === undefined
        if (!looksAgain) return command
        const { partition, rid, fingerprint, subjects } = command
        return { op: 'V', partition, rid, fingerprint, subjects }
      }),
    }),
  },
  {
    name: 'gateway that does not ask for the store’s own clock',
    breaks: ['I6', 'I7'],
    defects: () => ({
      storeClient: (client) => ({
        ...client,
        head: async (place) => ({ ...(await client.head(place)), storeNowMs: FAR_AWAY_MS }),
      }),
    }),
  },
  {
    name: 'gateway that ignores whose ticket an object carries',
    breaks: ['I7', 'alarm'],
    defects: () => ({
      storeClient: (client, world) => ({
        ...client,
        async head(place) {
          const head = await client.head(place)
          const put = world.truth.lastGranted.get(`${place.placement.bucket}/${placedKey(place)}`)
          const ticket = put?.headers['x-amz-meta-signet']
          if (!head.found || ticket === undefined) return head
          return { ...head, metadata: new Map([['signet', ticket]]) }
        },
      }),
    }),
  },
  {
    name: 'driver that voids an unknown reservation although another gateway may know it',
    breaks: ['I6', 'I7'],
    defects: () => ({
      ledger: (ledger) =>
        wrapped(ledger, {
          admit: (command) =>
            ledger.admit(command.op === 'R' ? { ...command, replayable: false } : command),
        }),
    }),
  },
  {
    name: 'ledger that answers before its replica has the write',
    breaks: ['I6'],
    defects: () => ({ server: { acknowledgesEarly: true } }),
  },
  {
    name: 'ledger that answers a replay before its replica has the first write',
    breaks: ['I6'],
    defects: () => ({ server: { acknowledgesReplaysEarly: true } }),
  },
  {
    name: 'ledger that gives pending reservations a bare TTL',
    breaks: ['I3'],
    defects: () => ({ server: { forgetsPending: true } }),
  },
  {
    name: 'ledger that does not compare fingerprints',
    breaks: ['I6'],
    defects: () => ({
      server: {
        decide: (state, command, nowMs) =>
          'fingerprint' in command && state.record !== undefined
            ? decided(state, { ...command, fingerprint: state.record.fingerprint }, nowMs)
            : decided(state, command, nowMs),
      },
    }),
  },
  {
    name: 'ledger that settles what is settled once more',
    breaks: ['I3', 'I1', 'I7'],
    defects: () => ({ server: { decide: settlingTwice() } }),
  },
  {
    name: 'ledger that takes any window for the current one',
    breaks: ['I2'],
    defects: () => ({
      server: {
        decide: (state, command, nowMs) =>
          'check' in command
            ? decided(
                state,
                { ...command, check: [0, FAR_AWAY_MS, ...command.check.slice(2)] },
                nowMs,
              )
            : decided(state, command, nowMs),
      },
    }),
  },
  {
    name: 'gateway that releases an upload of parts without an abort',
    breaks: ['I6', 'I11'],
    defects: () => ({ storeClient: (client) => withAborts(client, 0) }),
  },
  {
    name: 'gateway that does not look whether an abort has left parts',
    breaks: ['I6', 'I11'],
    // Rare, since a release waits for parts under way: this history has it.
    firstSeed: 58,
    defects: () => ({ storeClient: (client) => withAborts(client, 1) }),
  },
  {
    name: 'gateway that aborts every empty upload of a key',
    breaks: ['I11'],
    defects: () => ({
      storeClient: (client) => ({
        ...client,
        async abortMultipart(place, uploadId) {
          await client.abortMultipart(place, uploadId)
          for (const other of await client.listMultiparts(place)) {
            const parts = await client.listParts(place, other.uploadId)
            if (parts?.length === 0) await client.abortMultipart(place, other.uploadId)
          }
        },
      }),
    }),
  },
  {
    name: 'gateway that signs parts before it has recorded whose they are',
    breaks: ['I6'],
    defects: () => ({
      ledger: (ledger) =>
        wrapped(ledger, {
          // The answer is not waited for, and what it says is not looked at.
          async finish(command) {
            if (command.op !== 'M' || storeIdIn(command.note) === undefined) {
              return ledger.finish(command)
            }
            ledger.finish(command).catch(() => {})
            const { expMs } = (await ledger.find(command)) ?? { expMs: 0 }
            return { code: 'OK', nowMs: expMs - MULTIPART_SECONDS * 1000, over: 0 }
          },
        }),
    }),
  },
  {
    name: 'ledger that lets a late amendment undo a later one',
    breaks: ['I11', 'I6'],
    maxSeeds: 30,
    defects: () => ({
      server: {
        decide: (state, command, nowMs, decision) => {
          if (command.op !== 'M') return decision
          const { ifNote: _, ...always } = command
          return decided(state, always, nowMs)
        },
      },
    }),
  },
  {
    name: 'gateway that settles a form while it lives',
    breaks: ['I7', 'I3'],
    defects: () => ({ ledger: withFinish(settlingWhatIsSeen) }),
  },
  {
    name: 'gateway that believes an event which says that an object is gone',
    breaks: ['I7'],
    events: true,
    firstSeed: 2,
    defects: () => ({
      byEvent: onRemoval(({ storeClient }) => ({
        storeClient: {
          ...storeClient,
          head: async () => ({ found: false, storeNowMs: FAR_AWAY_MS }),
        },
      })),
    }),
  },
  {
    name: 'gateway that credits what is gone and was never charged',
    breaks: ['I7', 'alarm'],
    events: true,
    firstSeed: 4,
    defects: () => ({
      byEvent: onRemoval(({ ledger }) => ({
        ledger: wrapped(ledger, { find: async (ref) => asCharged(await ledger.find(ref)) }),
      })),
    }),
  },
]

/** A store client that sends only the first aborts of an upload, and then believes that it is gone. */
function withAborts(client: StoreClient, most: number): StoreClient {
  const aborts = new Map<string, number>()
  return {
    ...client,
    async abortMultipart(place, uploadId) {
      const before = aborts.get(uploadId) ?? 0
      aborts.set(uploadId, before + 1)
      if (before < most) await client.abortMultipart(place, uploadId)
    },
    listParts: async (place, uploadId) =>
      aborts.has(uploadId) ? undefined : client.listParts(place, uploadId),
  }
}

function storeIdIn(text: string | undefined): string | undefined {
  const note = text === undefined ? undefined : parseNote(text)
  return note?.kind === 'upload' ? note.multipart?.id : undefined
}

/** What looks after removals with other ports. */
function onRemoval(ports: (context: GatewayContext) => Partial<GatewayContext>): ByEvent {
  return (context, store, hint) => {
    if (hint.type !== 'removed') return settleByEvent(context, store, hint)
    const changed = Object.assign(Object.create(context), ports(context)) as GatewayContext
    return settleByEvent(changed, store, hint)
  }
}

function asCharged(found: Reservation | undefined): Reservation | undefined {
  const note = found === undefined ? undefined : parseNote(found.note)
  if (found === undefined || note?.kind !== 'upload') return found
  return { ...found, state: 'S', actual: note.sizeBytes }
}

function settlingWhatIsSeen(command: FinishCommand): FinishCommand {
  const note =
    command.op === 'M' && command.note !== undefined ? parseNote(command.note) : undefined
  if (command.op !== 'M' || note?.kind !== 'upload' || note.seen === undefined) return command
  const { partition, rid, fingerprint, subjects } = command
  const { sizeBytes, etag, atMs } = note.seen
  return {
    op: 'S',
    ...{ partition, rid, fingerprint, subjects },
    note: noteText({ ...note, etag, settledMs: atMs }),
    ...{ actualBytes: sizeBytes, storedDelta: sizeBytes, objectsDelta: 1 },
  }
}

function decided(state: LedgerState, command: AdmitCommand | FinishCommand, nowMs: number) {
  return command.op === 'R' || command.op === 'Q' || command.op === 'C'
    ? decideAdmit(state, command, nowMs)
    : decideFinish(state, command, nowMs)
}

function settlingTwice(): Decide {
  const holds = new Map<string, { hold: Hold; subjects: readonly string[] }>()
  return (state, command, nowMs, decision) => {
    if (command.op === 'R') holds.set(command.rid, command)
    const held = command.op === 'S' ? holds.get(command.rid) : undefined
    if (state.record?.state !== 'S' || held === undefined) return decision
    const { hold, subjects } = held
    return decided(
      { ...state, record: { ...state.record, state: 'P', hold, subjects } },
      command,
      nowMs,
    )
  }
}

function withFinish(change: (command: FinishCommand) => FinishCommand) {
  return (ledger: Ledger) =>
    wrapped(ledger, { finish: (command) => ledger.finish(change(command)) })
}

/** A ledger with some methods replaced; it is an object with private members. */
export function wrapped(ledger: Ledger, methods: Partial<Ledger>): Ledger {
  return {
    partitions: ledger.partitions,
    salt: ledger.salt,
    admit: (command) => ledger.admit(command),
    finish: (command) => ledger.finish(command),
    claim: (request) => ledger.claim(request),
    find: (ref) => ledger.find(ref),
    list: (request) => ledger.list(request),
    recent: (request) => ledger.recent(request),
    share: () => ledger.share(),
    audit: (request) => ledger.audit(request),
    close: () => ledger.close(),
    ...methods,
  }
}
