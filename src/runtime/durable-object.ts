import { DurableObject, type DurableObjectState } from 'cloudflare:workers'
import { systemClock } from '../clock.ts'
import type { RemoteLedger } from '../ledger/durable-objects.ts'
import type { AdmitCommand, FinishCommand, Ledger } from '../ledger/port.ts'
import { openSqliteLedger } from '../ledger/sqlite.ts'
import { type Outcome, outcomeOf } from '../object-call.ts'
import type { SqlDatabase } from '../sql-database.ts'
import type { RemoteState } from '../state/durable-objects.ts'
import type { StateStore } from '../state/port.ts'
import { openSqliteState } from '../state/sqlite.ts'
import { objectDatabase } from './object-database.ts'
import { type ObjectMeta, openObjectMeta } from './object-meta.ts'
import { createPartitionAlarm, type PartitionAlarm } from './partition-alarm.ts'
import type { WorkerBindings } from './worker-bindings.ts'

/** An object audits itself when it has swept, and not more often. */
const AUDIT_EVERY_MS = 3_600_000

/**
 * One partition of the ledger, or the documents that all gateways share: which, is told by its name alone.
 * Decides one command after the other, each in one synchronous transaction, without an `await` between
 * what it reads and what it writes; the runtime holds the answer back until it is durable. Its alarm
 * sweeps what is due.
 */
export class LedgerObject
  extends DurableObject<WorkerBindings>
  implements RemoteLedger, RemoteState
{
  readonly #ledger: Ledger
  readonly #state: StateStore
  readonly #meta: ObjectMeta
  readonly #alarm: PartitionAlarm
  /** Until a sweep has said for how long, nothing that has ended is forgotten. */
  #retentionMs = Infinity

  constructor(ctx: DurableObjectState, env: WorkerBindings) {
    super(ctx, env)
    const database = objectDatabase(ctx.storage)
    this.#ledger = this.openLedger(database)
    // After the ledger: tables without one would be taken for another program's.
    this.#state = openSqliteState(database)
    this.#meta = openObjectMeta(database)
    this.#alarm = createPartitionAlarm({
      database,
      storage: ctx.storage,
      nowMs: () => this.nowMs(),
      sweep: async (partition) => {
        const { sweepPartition } = await import('./sweep-partition.ts')
        return await sweepPartition(partition, {
          own: this,
          env,
          life: ctx,
          retain: (retentionMs) => {
            this.#retentionMs = retentionMs
          },
          takeAudit: () => this.takeAudit(),
        })
      },
    })
  }

  /** The ledger's clock. */
  protected nowMs(): number {
    return systemClock.nowMs()
  }

  /** How long an ended reservation is remembered, in milliseconds. */
  protected retentionMs(): number {
    return this.#retentionMs
  }

  /** Once in an hour, however often the object is woken. */
  private takeAudit(): boolean {
    const nowMs = this.nowMs()
    if (nowMs - Number(this.#meta.get('auditedAtMs') ?? 0) < AUDIT_EVERY_MS) return false
    this.#meta.set('auditedAtMs', String(nowMs))
    return true
  }

  private openLedger(database: SqlDatabase): Ledger {
    return openSqliteLedger({
      database,
      clock: { nowMs: () => this.nowMs() },
      // At once: commands come one by one, and the runtime gathers what they write.
      schedule: (run) => run(),
      retentionMs: () => this.retentionMs(),
    })
  }

  /** Salt of the installation: that of the object which all ask for it. */
  async salt(): Promise<Outcome<string>> {
    return { value: this.#ledger.salt }
  }

  async admit(command: AdmitCommand) {
    const outcome = await outcomeOf(() => this.#ledger.admit(command))
    if (command.op === 'R') this.#alarm.wakeFor(command.partition)
    return outcome
  }

  async finish(command: FinishCommand) {
    const outcome = await outcomeOf(() => this.#ledger.finish(command))
    this.#alarm.wakeFor(command.partition)
    return outcome
  }

  claim(request: Parameters<Ledger['claim']>[0]) {
    return outcomeOf(() => this.#ledger.claim(request))
  }

  find(ref: Parameters<Ledger['find']>[0]) {
    return outcomeOf(() => this.#ledger.find(ref))
  }

  list(request: Parameters<Ledger['list']>[0]) {
    return outcomeOf(() => this.#ledger.list(request))
  }

  recent(request: Parameters<RemoteLedger['recent']>[0]) {
    return outcomeOf(() => this.#ledger.recent({ ...request, settledMs: () => undefined }))
  }

  async audit(request: Parameters<Ledger['audit']>[0]) {
    const outcome = await outcomeOf(() => this.#ledger.audit(request))
    if (request.repair) this.#alarm.wakeFor(request.partition)
    return outcome
  }

  getDocument(name: string) {
    return outcomeOf(() => this.#state.get(name))
  }

  putDocument(document: Parameters<StateStore['put']>[0]) {
    return outcomeOf(() => this.#state.put(document))
  }

  removeDocument(name: string, ifVersion?: number) {
    return outcomeOf(() => this.#state.remove(name, ifVersion))
  }

  listDocuments(request: Parameters<StateStore['list']>[0]) {
    return outcomeOf(() => this.#state.list(request))
  }

  listChanges(request: Parameters<StateStore['changes']>[0]) {
    return outcomeOf(() => this.#state.changes(request))
  }

  /** Called by the runtime. Never throws: what failed is due again. */
  async alarm(): Promise<void> {
    await this.#alarm.ring()
  }
}
