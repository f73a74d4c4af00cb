/** Lets real time pass, for faults that last: an outage, a stall. Never to wait for something. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
