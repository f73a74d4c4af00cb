import { listenNode } from '../../src/runtime/listen-node.ts'
import { openContext } from '../../src/runtime/open-context.ts'
import { run, runToEnd } from '../../src/runtime/run.ts'
import { watchedPorts } from './watched-ports.ts'

// The entry file of a gateway that is like any other, but for the SIGTERM that it gets the first time
// it comes to the await that SIGNAL_AT names.
const signalAt = process.env.SIGNAL_AT ?? ''
let signalled = false

async function signalAtAwait(...names: readonly string[]): Promise<void> {
  if (signalled || !names.includes(signalAt)) return
  signalled = true
  process.kill(process.pid, 'SIGTERM')
  // Until the order has been taken, and with it the first step of the shutdown.
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

const TURNS = 20

await runToEnd(
  run({
    env: process.env,
    file: process.env.SIGNET_CONFIG ?? '',
    listen: listenNode,
    async open(...args) {
      const ports = await openContext(...args)
      const watched = watchedPorts(ports, { at: signalAtAwait, storeShiftMs: 0 })
      return Object.assign(Object.create(ports), watched)
    },
  }),
)
