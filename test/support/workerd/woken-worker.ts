import type { DurableObjectNamespace } from 'cloudflare:workers'
import { LedgerObject } from '../../../src/runtime/durable-object.ts'
import type { ContractCall } from './contract-worker.ts'

type Stub = Readonly<Record<string, (...values: unknown[]) => Promise<unknown>>>

/** Of this process: an object asks while it is being made. */
let aheadMs = 0

/** The real object, but for a clock that is ahead, a way to damage it, and an alarm that the test rings. */
export class WokenObject extends LedgerObject {
  protected override nowMs(): number {
    return Date.now() + aheadMs
  }

  async query(sql: string, ...values: unknown[]): Promise<unknown[]> {
    return this.ctx.storage.sql.exec(sql, ...values).toArray()
  }

  async alarmAt(): Promise<number | null> {
    return this.ctx.storage.getAlarm()
  }

  async ring(): Promise<void> {
    await super.alarm()
  }

  override async alarm(): Promise<void> {}
}

const worker = {
  async fetch(request: Request, env: { readonly LEDGER: DurableObjectNamespace<Stub> }) {
    const { object, method, values }: ContractCall = await request.json()
    if (method === 'setAhead') aheadMs = Number(values[0])
    else return Response.json({ value: await env.LEDGER.getByName(object)[method]?.(...values) })
    return Response.json({})
  },
}

// biome-ignore lint/style/noDefaultExport: the runtime takes the worker itself from it
export { worker as default }
