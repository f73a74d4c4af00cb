import type { Principal } from '../../src/auth/principal.ts'
import { abortUpload } from '../../src/gateway/abort-upload.ts'
import { completeUpload } from '../../src/gateway/complete-upload.ts'
import { type CreatedUpload, createUpload } from '../../src/gateway/create-upload.ts'
import { deleteObject } from '../../src/gateway/delete-object.ts'
import { listUploads } from '../../src/gateway/list-uploads.ts'
import type { WantedUpload } from '../../src/gateway/plan-upload.ts'
import { ObjectKey } from '../../src/object-key.ts'
import { type Form, formOf, type Put, partsOf, putOf } from './read-grant.ts'
import type { SeededRandom } from './seeded-random.ts'
import { type PartsInHand, sendParts } from './send-parts.ts'
import { MAX_TRANSFER_SECONDS } from './simulated-config.ts'
import type { Outcome, World } from './world.ts'

const KEYS = 24
const THINKING_MS = 3_000
/** Of all uploads. */
const SHARE_OF_PARTS = 0.2
const SHARE_OF_FORMS = 0.1
const MAX_TRANSFER_MS = MAX_TRANSFER_SECONDS * 1000

/** A caller as they are: impatient, forgetful, and sometimes out for more than is theirs. */
export class Client {
  readonly #world: World
  readonly #principal: Principal
  readonly #random: SeededRandom
  readonly #name: string
  #uploads = 0
  #known: string[] = []
  readonly #aborted = new Set<string>()

  constructor(world: World, principal: Principal, random: SeededRandom, name: string) {
    this.#world = world
    this.#principal = principal
    this.#random = random
    this.#name = name
  }

  /** Acts until the world comes to rest. */
  async live(): Promise<void> {
    const world = this.#world
    for (;;) {
      await world.scheduler.sleep(this.#random.wait(THINKING_MS))
      const quietMs = world.quietUntilMs - world.scheduler.nowMs
      if (quietMs > 0) await world.scheduler.sleep(quietMs)
      if (world.resting) return
      await this.#act()
    }
  }

  async #act(): Promise<void> {
    const choice = this.#random.fraction()
    if (choice < 0.55) await this.#upload(false)
    else if (choice < 0.67) await this.#upload(true)
    else if (choice < 0.9) await this.#remove()
    else if (choice < 0.97) await this.#complete(this.#someUpload())
    else await this.#list()
  }

  async #upload(overwrite: boolean): Promise<void> {
    const random = this.#random
    this.#uploads += 1
    const idempotencyKey = random.chance(0.6) ? `${this.#name} ${this.#uploads}` : undefined
    const kind = random.fraction()
    const isForm = kind < SHARE_OF_FORMS
    const isParts = !isForm && kind < SHARE_OF_FORMS + SHARE_OF_PARTS
    const wanted: WantedUpload = {
      bucket: 'media',
      // A form replaces whatever is there: who wants to keep it takes a key of their own.
      key: isForm && !overwrite && random.chance(0.9) ? this.#newKey() : this.#key(),
      sizeBytes: random.between(1, random.chance(0.1) ? 2_500 : 800),
      contentType: 'image/jpeg',
      metadata: new Map(),
      mode: isForm ? 'post' : isParts ? 'multipart' : 'auto',
      ...(isForm && random.chance(0.7) && { atMost: true }),
      overwrite,
      ...(random.chance(0.2) && { expiresInSeconds: random.between(2, 60) }),
    }
    const repeats = random.chance(0.2) ? 1 : 0
    const atOnce = isParts && idempotencyKey !== undefined && random.chance(0.2)
    const other = atOnce ? this.#createLater(wanted, idempotencyKey) : undefined
    let answers = 0
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const outcome = await this.#create(wanted, idempotencyKey)
      if (outcome.how === 'answered') {
        answers += 1
        if (answers > repeats || idempotencyKey === undefined) break
      } else if (outcome.how === 'refused' && outcome.error.status !== 503) break
      await this.#world.scheduler.sleep(random.wait(isParts ? 8_000 : 1_000))
    }
    await other
    if (idempotencyKey !== undefined && random.chance(0.1)) {
      await this.#create({ ...wanted, sizeBytes: wanted.sizeBytes + 500 }, idempotencyKey)
    }
  }

  /** The same request by another way, about when the first one is being answered. */
  async #createLater(wanted: WantedUpload, idempotencyKey: string): Promise<void> {
    const { scheduler } = this.#world
    await scheduler.sleep(this.#random.wait(this.#random.chance(0.5) ? 20 : 15_000))
    await this.#create(wanted, idempotencyKey)
  }

  async #create(wanted: WantedUpload, idempotencyKey?: string): Promise<Outcome<CreatedUpload>> {
    const world = this.#world
    let put: Put | undefined
    let form: Form | undefined
    let parts: PartsInHand | undefined
    const outcome = await world.request(async (context) => {
      const request = { principal: this.#principal, wanted, requestId: 'r', idempotencyKey }
      const created = await createUpload(context, request)
      const { grant, upload } = created
      if (grant?.form === 'put') {
        const { url, headers } = grant.request
        put = putOf(upload.id, wanted.sizeBytes, url.reveal(), headers)
        // Whether or not the answer arrives: the grant has left the gateway.
        world.truth.handedOut(put)
      }
      if (grant?.form === 'post') {
        form = formOf(upload.id, grant.post)
        world.truth.handedOut(form)
      }
      if (grant?.form === 'multipart') {
        const { sizeBytes } = wanted
        const signed = partsOf(upload.id, grant.parts)
        parts = { rid: upload.id, sizeBytes, partCount: grant.plan.partCount, parts: signed }
        world.truth.partsHandedOut(signed, sizeBytes)
      }
      return created
    })
    if (outcome.how !== 'answered') return outcome
    this.#known = [...this.#known.slice(-9), outcome.value.upload.id]
    if (put !== undefined) void this.#carryOut(put)
    if (form !== undefined) void this.#fillIn(form)
    if (parts !== undefined) void this.#sendParts(parts)
    return outcome
  }

  async #sendParts(hand: PartsInHand): Promise<void> {
    this.#world.transfers += 1
    const sender = {
      world: this.#world,
      principal: this.#principal,
      random: this.#random,
      complete: (rid: string) => this.#complete(rid),
      abort: (rid: string) => this.#abort(rid),
    }
    await sendParts(sender, hand)
    this.#world.transfers -= 1
  }

  /** Sends a form never, once or more often, with other files each time, before and after `complete`. */
  async #fillIn(form: Form): Promise<void> {
    const random = this.#random
    const { scheduler, store } = this.#world
    this.#world.transfers += 1
    if (random.chance(0.1)) await this.#abort(form.rid)
    const times = random.chance(0.1) ? 0 : random.between(1, 3)
    for (let time = 0; time < times; time += 1) {
      const leftMs = form.urlExpMs - store.nowMs()
      await scheduler.sleep(random.chance(0.2) ? leftMs - random.wait(500) : random.wait(3_000))
      await this.#sendForm(form)
      if (random.chance(0.5)) await this.#complete(form.rid)
      if (random.chance(0.1)) await this.#removeKey(form.key.slice(form.key.indexOf('/') + 1))
    }
    this.#world.transfers -= 1
  }

  async #sendForm(form: Form): Promise<void> {
    const random = this.#random
    const { scheduler, store } = this.#world
    if (!store.accepts(form)) return
    // Now and then a byte too large, which the policy refuses.
    const sizeBytes = random.between(form.minBytes, form.sizeBytes + 1)
    if (!this.#aborted.has(form.rid) && random.chance(this.#world.faults.lateTransfers)) {
      await this.#sendLate(form, () => store.finishForm(form, Math.min(sizeBytes, form.sizeBytes)))
      return
    }
    const slow = random.chance(0.2)
    const tookMs = slow ? random.fraction() * MAX_TRANSFER_MS : random.wait(300)
    await scheduler.sleep(Math.min(tookMs, MAX_TRANSFER_MS))
    if (!random.chance(0.05)) store.finishForm(form, sizeBytes)
  }

  /** A transfer that takes longer than any may. */
  async #sendLate(put: Put, finish: () => void): Promise<void> {
    const { scheduler, store } = this.#world
    await scheduler.sleep((1 + 4 * this.#random.fraction()) * MAX_TRANSFER_MS)
    // An object that was credited and comes back so late is beyond all that is promised.
    if (store.landed.has(put.rid)) return
    finish()
    // Nobody else looks at what comes after its release, but an auditor before it is forgotten.
    await this.#complete(put.rid, 100)
    if (!this.#world.truth.isCharged(put.rid)) store.discard(put)
  }

  /** Uses a grant: in time or at the last moment, once or more often, or not at all. */
  async #carryOut(put: Put): Promise<void> {
    const random = this.#random
    const { scheduler, store } = this.#world
    this.#world.transfers += 1
    if (random.chance(0.12)) await this.#abort(put.rid)
    if (!random.chance(0.1)) {
      const leftMs = put.urlExpMs - store.nowMs()
      await scheduler.sleep(random.chance(0.15) ? leftMs - random.wait(500) : random.wait(2_000))
      await this.#transfer(put)
      if (random.chance(0.7)) await this.#complete(put.rid)
      if (random.chance(0.15)) await this.#transfer(put)
      if (random.chance(0.1)) {
        await this.#removeKey(put.key.slice(put.key.indexOf('/') + 1))
        await this.#transfer(put)
      }
    }
    this.#world.transfers -= 1
  }

  async #transfer(put: Put): Promise<void> {
    const random = this.#random
    const { scheduler, store } = this.#world
    if (!store.accepts(put)) return
    const aborted = this.#aborted.has(put.rid)
    if (!aborted && random.chance(this.#world.faults.lateTransfers)) {
      await this.#sendLate(put, () => store.finish(put))
      return
    }
    const slow = random.chance(0.15)
    const tookMs = slow ? random.fraction() * MAX_TRANSFER_MS : random.wait(300)
    await scheduler.sleep(Math.min(tookMs, MAX_TRANSFER_MS))
    if (!random.chance(0.05)) store.finish(put)
  }

  async #complete(id: string | undefined, attempts = 3): Promise<void> {
    if (id === undefined) return
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const outcome = await this.#world.request((context) =>
        completeUpload(context, { principal: this.#principal, uploadId: id }),
      )
      if (outcome.how === 'answered') return
      if (outcome.how === 'refused' && outcome.error.status !== 503) return
      await this.#world.scheduler.sleep(this.#random.wait(1_000))
    }
  }

  async #abort(id: string): Promise<void> {
    this.#aborted.add(id)
    await this.#world.request(async (context) => {
      await abortUpload(context, this.#principal, id)
      return true
    })
  }

  async #remove(): Promise<void> {
    const { tenant } = this.#principal
    const there = [...this.#world.store.objects.keys()]
      .map((stored) => stored.slice(stored.indexOf('/') + 1))
      .filter((key) => key.startsWith(`${tenant}/`))
    const known = there.length > 0 && this.#random.chance(0.8)
    await this.#removeKey(known ? this.#random.pick(there) : this.#key())
  }

  async #removeKey(key: string): Promise<void> {
    const wanted = {
      principal: this.#principal,
      bucket: 'media',
      key: ObjectKey.parse(key),
      requestId: 'r',
    }
    const attempts = this.#random.chance(0.3) ? 2 : 1
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      await this.#world.request(async (context) => {
        await deleteObject(context, wanted)
        return true
      })
    }
  }

  async #list(): Promise<void> {
    await this.#world.request((context) =>
      listUploads(context, { principal: this.#principal, status: 'pending', limit: 10 }),
    )
  }

  #someUpload(): string | undefined {
    return this.#known.length === 0 ? undefined : this.#random.pick(this.#known)
  }

  #newKey(): string {
    return `${this.#principal.tenant}/${this.#name.replaceAll(' ', '-')}-${this.#uploads}`
  }

  #key(): string {
    return `${this.#principal.tenant}/k${this.#random.between(1, KEYS)}`
  }
}
