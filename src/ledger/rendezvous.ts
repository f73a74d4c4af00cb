/**
 * Partitions that fall to one of several members by rendezvous hashing: every member computes the same
 * shares by itself, and when one comes or goes only its own partitions move. A member that is not in
 * the list gets nothing.
 */
export function partitionsOf(
  self: string,
  members: readonly string[],
  partitions: number,
): number[] {
  const own: number[] = []
  for (let partition = 0; partition < partitions; partition += 1) {
    let best: string | undefined
    let most = -1
    for (const member of members) {
      const weight = hash(`${partition}/${member}`)
      // Equal weights are rare, and every member must see the same winner.
      if (weight > most || (weight === most && best !== undefined && member > best)) {
        best = member
        most = weight
      }
    }
    if (best === self) own.push(partition)
  }
  return own
}

// FNV-1a with the finish of MurmurHash3, 32 bits: spreads, and keeps no secret.
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35)
  return (value ^ (value >>> 16)) >>> 0
}
