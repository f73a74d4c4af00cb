import type { DurableObjectNamespace } from 'cloudflare:workers'
import { LedgerObject } from '../../../src/runtime/durable-object.ts'
import { START_MS } from '../../contract/ledger-commands.ts'

/** What the worker is sent: a method of an object, by the object's name. */
export interface ContractCall {
  readonly object: string
  readonly method: string
  readonly values: readonly unknown[]
}

type Stub = Readonly<Record<string, (...values: unknown[]) => Promise<unknown>>>

/** How far the clocks of all objects were moved; module data, as an object asks while it is being made. */
const advancedMs = new WeakMap<ClockedObject, number>()

const DAY_MS = 86_400_000

/** The real object, but for a clock that the test moves, a way to damage it, and no alarm: so no retention. */
export class ClockedObject extends LedgerObject {
  protected override nowMs(): number {
    return START_MS + (advancedMs.get(this) ?? 0)
  }

  protected override retentionMs(): number {
    return DAY_MS
  }

  async advance(ms: number): Promise<void> {
    advancedMs.set(this, (advancedMs.get(this) ?? 0) + ms)
  }

  async query(sql: string, ...values: unknown[]): Promise<unknown[]> {
    return this.ctx.storage.sql.exec(sql, ...values).toArray()
  }

  async alarmAt(): Promise<number | null> {
    return this.ctx.storage.getAlarm()
  }

  override async alarm(): Promise<void> {}
}

const worker = {
  async fetch(request: Request, env: { readonly OBJECTS: DurableObjectNamespace<Stub> }) {
    const { object, method, values }: ContractCall = await request.json()
    const stub = env.OBJECTS.getByName(object)
    try {
      return Response.json({ value: await stub[method]?.(...values) })
    } catch (error) {
      return Response.json({ thrown: String(error) })
    }
  },
}

// biome-ignore lint/style/noDefaultExport: the runtime takes the worker itself from it
export { worker as default }
