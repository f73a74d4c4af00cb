import { PARTITION_TAGS } from './tags.ts'

/** The hash tag of a partition. Throws `RangeError` for one that does not exist. */
export function tagOf(partition: number): string {
  const tag = PARTITION_TAGS[partition]
  if (tag === undefined) throw new RangeError(`Cannot name partition ${partition}: there is none`)
  return tag
}

/** Due reservations: rid → when somebody looks next, in milliseconds. */
export const indexKey = (partition: number) => `x:{${tagOf(partition)}}`
/** The canary, `<generation>:<replication id>`. */
export const epochKey = (partition: number) => `e:{${tagOf(partition)}}`
/** Record of a reservation. */
export const recordKey = (partition: number, rid: string) => `v:{${tagOf(partition)}}:${rid}`
/** State of a subject. */
export const subjectKey = (partition: number, subject: string) =>
  `q:{${tagOf(partition)}}:${subject}`
/** Gateways that sweep: id → when it was last heard of; beside partition 0. */
export const MEMBERS_KEY = `g:{${tagOf(0)}}`
/** What the ledger is as a whole, JSON; beside partition 0. */
export const META_KEY = `m:{${tagOf(0)}}`
