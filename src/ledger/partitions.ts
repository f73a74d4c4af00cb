import type { Hashing } from '../hashing.ts'

/** The partition of a tenant: the first byte of SHA-256 of its name, over as many as there are. */
export function partitionOf(hashing: Hashing, tenant: string, partitions: number): number {
  return (hashing.sha256(tenant)[0] ?? 0) % partitions
}
