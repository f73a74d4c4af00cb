import type { FinishCommand, FinishReply, VoidCommand } from '../port.ts'
import type { Diagnosis } from './diagnose.ts'
import type { JournalKeeper } from './keep-journal.ts'
import { noAnswer } from './redis-node.ts'
import { finishReplyOf } from './replies.ts'
import type { RunFenced } from './run-fenced.ts'
import { finishCall } from './script-calls.ts'

export interface FinishOptions {
  readonly run: RunFenced
  readonly diagnosis: Diagnosis
  /** Of durability `async`. */
  readonly keeper: JournalKeeper | undefined
  /** How long an ended reservation is remembered, in milliseconds. */
  readonly retentionMs: number
}

/** Ends or changes reservations. Throws `LedgerUnavailable` when there is no answer. */
export interface Finish {
  /** Only where decisions are taken. */
  finish(command: FinishCommand): Promise<FinishReply>
  /** Also where gateways are putting back what a failover has lost. */
  putBack(command: FinishCommand): Promise<FinishReply>
  /** On the connection of reservations, so that it comes after one whose outcome is not known. */
  voidBehind(command: VoidCommand): Promise<FinishReply>
}

/** Commands whose loss a promise to a client would not survive: a URL, or an event taken. */
const DURABLE: ReadonlySet<string> = new Set(['L', 'A', 'M'])

/** Runs the script `finish`, and answers when what the durability promises is kept. */
export function createFinish({ run, diagnosis, keeper, retentionMs }: FinishOptions): Finish {
  async function once(
    command: FinishCommand,
    { restating = false, durable = DURABLE.has(command.op) } = {},
  ) {
    diagnosis.check(command)
    const { partition } = command
    let epoch = ''
    const call = (standing: string) => {
      epoch = standing
      return finishCall(command, { epoch, retentionMs })
    }
    const result = await run({ partition, script: 'finish', call, durable, restating })
    if (result.kind !== 'reply') throw noAnswer(result.message)
    const reply = finishReplyOf(result.reply)
    if (!result.acknowledged) throw noAnswer('too few replicas have it')
    return { reply, epoch }
  }

  return {
    async finish(command) {
      const { reply, epoch } = await once(command)
      await keeper?.finished(command, reply, epoch)
      return reply
    },
    putBack: async (command) => (await once(command, { restating: true })).reply,
    voidBehind: async (command) => (await once(command, { durable: true })).reply,
  }
}
