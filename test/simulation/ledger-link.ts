import { GatewayError } from '../../src/errors.ts'
import { batchItems } from '../../src/ledger/batch-items.ts'
import type {
  AdmitReply,
  FinishReply,
  Ledger,
  Reservation,
  ReserveCommand,
} from '../../src/ledger/port.ts'
import type { Faults } from './faults.ts'
import type { Ask, LedgerServer } from './ledger-server.ts'
import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Where a link's gateway stands: a dead one is never answered. */
export interface Life {
  alive: boolean
}

const COMMAND_TIMEOUT_MS = 250
const HOUR_MS = 3_600_000
const SALT = 'a salt for simulations'

/**
 * A gateway's driver of the simulated ledger: the network in between, and the rules of `ledger.md`
 * section 6 for an unknown outcome. Throws `LedgerUnavailable` as drivers do.
 */
export class LedgerLink implements Ledger {
  readonly partitions = 1
  readonly salt = SALT
  #epoch: number
  #recovering = false
  readonly #server: LedgerServer
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #faults: () => Faults
  readonly #life: Life

  constructor(options: {
    server: LedgerServer
    scheduler: Scheduler
    random: SeededRandom
    faults: () => Faults
    life: Life
  }) {
    this.#server = options.server
    this.#scheduler = options.scheduler
    this.#random = options.random
    this.#faults = options.faults
    this.#life = options.life
    this.#epoch = options.server.epoch
  }

  async admit(command: Parameters<Ledger['admit']>[0]): Promise<AdmitReply> {
    if (command.op === 'R') return this.#reserve(command)
    return (await this.#send({ what: 'admit', command })) as AdmitReply
  }

  async finish(command: Parameters<Ledger['finish']>[0]): Promise<FinishReply> {
    return (await this.#send({ what: 'finish', command })) as FinishReply
  }

  async claim(request: Parameters<Ledger['claim']>[0]) {
    const reply = await this.#send({ what: 'claim', request })
    return reply as Awaited<ReturnType<Ledger['claim']>>
  }

  async find(ref: Parameters<Ledger['find']>[0]): Promise<Reservation | undefined> {
    const reply = (await this.#send({ what: 'find', ref })) as { found?: Reservation }
    return reply.found
  }

  async list(request: Parameters<Ledger['list']>[0]): Promise<readonly Reservation[]> {
    return (await this.#send({ what: 'list', request })) as readonly Reservation[]
  }

  /** Nobody reconciles a simulation from inside. */
  recent(): Promise<never> {
    return Promise.reject(unavailable('nobody reconciles a simulation from inside'))
  }

  /** One gateway's share is everything: sweepers are to meet. */
  async share(): Promise<readonly number[]> {
    return [0]
  }

  /** Invariants are checked from outside, after every step. */
  audit(): Promise<never> {
    return Promise.reject(unavailable('nobody audits a simulation from inside'))
  }

  async close(): Promise<void> {}

  /** Once more with the same rid; then void, unless another gateway may have released a URL for it. */
  async #reserve(command: ReserveCommand): Promise<AdmitReply> {
    const ask: Ask = { what: 'admit', command }
    try {
      return (await this.#send(ask)) as AdmitReply
    } catch (error) {
      if (command.replayable === true) throw error
    }
    try {
      return (await this.#send(ask)) as AdmitReply
    } catch (error) {
      const { partition, fingerprint, subjects } = command
      for (const { rid } of batchItems(command)) {
        const voided = { op: 'V', partition, rid, fingerprint, subjects } as const
        this.#send({ what: 'finish', command: voided }).catch(() => {})
      }
      throw error
    }
  }

  #send(ask: Ask): Promise<unknown> {
    const { requestLost, replyLost, duplicated, slow } = this.#faults()
    const random = this.#random
    const scheduler = this.#scheduler
    const epoch = this.#epoch
    const sentAtMs = scheduler.nowMs
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        const waitMs = sentAtMs + COMMAND_TIMEOUT_MS - scheduler.nowMs
        scheduler.after(waitMs, () => {
          if (this.#life.alive) reject(unavailable('no answer'))
        })
      }
      if (random.chance(duplicated)) {
        const againMs = random.chance(0.5) ? random.wait(50) : random.fraction() * HOUR_MS
        scheduler.after(againMs, () => this.#server.receive(epoch, ask, () => {}))
      }
      if (random.chance(requestLost)) {
        giveUp()
        return
      }
      const isSlow = random.chance(slow)
      const towardsMs = random.wait(isSlow ? 20_000 : 0.5)
      if (towardsMs > COMMAND_TIMEOUT_MS) giveUp()
      scheduler.after(towardsMs, () => {
        this.#server.receive(epoch, ask, (reply) => {
          if (towardsMs > COMMAND_TIMEOUT_MS || !this.#life.alive) return
          const backMs = random.wait(random.chance(slow) ? 2_000 : 0.5)
          const late = scheduler.nowMs + backMs - sentAtMs > COMMAND_TIMEOUT_MS
          if (late || random.chance(replyLost)) {
            giveUp()
            return
          }
          scheduler.after(backMs, () => {
            if (this.#life.alive) this.#take(ask, epoch, reply, resolve, reject)
          })
        })
      })
    })
  }

  #take(
    ask: Ask,
    epoch: number,
    reply: unknown,
    resolve: (reply: unknown) => void,
    reject: (error: GatewayError) => void,
  ): void {
    const fenced = (reply as { code?: string } | undefined)?.code === 'FENCED'
    if ((fenced || reply === undefined) && epoch === this.#epoch) this.#recover()
    const decided = ask.what === 'admit' || ask.what === 'finish'
    if (reply === undefined) reject(unavailable('the answer is unknown'))
    else if (fenced && !(decided && this.#faults().fencedAsReply)) reject(unavailable('fenced'))
    else resolve(reply)
  }

  /** Finds out which server is the primary now; meanwhile every command is refused. */
  #recover(): void {
    if (this.#recovering) return
    this.#recovering = true
    this.#scheduler.after(this.#random.wait(500), () => {
      this.#recovering = false
      this.#epoch = this.#server.epoch
    })
  }
}

function unavailable(why: string): GatewayError {
  return new GatewayError('LedgerUnavailable', `Cannot decide: ${why}`)
}
