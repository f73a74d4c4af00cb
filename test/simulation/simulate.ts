import { parseArgs } from 'node:util'
import { simulateMany, type Tally } from './simulate-many.ts'
import { STEPS_A_RUN } from './simulate-run.ts'
import { simulatedConfig } from './simulated-config.ts'
import { Violation } from './violation.ts'

const PROGRESS_MS = 5_000

const { values } = parseArgs({
  options: {
    /** Steps in all. Default 1,000,000. */
    steps: { type: 'string', default: '1e6' },
    /** Seed of the first run; the next ones follow. Default 1. */
    seed: { type: 'string', default: '1' },
    /** Steps with faults in one run. */
    'run-steps': { type: 'string', default: String(STEPS_A_RUN) },
    /** The store sends events, and objects are removed past all gateways. */
    events: { type: 'boolean', default: false },
    /** Print every command, grant and object. */
    trace: { type: 'boolean', default: false },
  },
})
const [steps, seed, stepsARun] = [values.steps, values.seed, values['run-steps']].map(Number)
if (!(steps && stepsARun && Number.isSafeInteger(seed))) {
  throw new Error('Cannot simulate: "--steps", "--seed" and "--run-steps" must be numbers')
}
const write = (line: string) => process.stdout.write(`${line}\n`)
const startMs = performance.now()
let toldMs = startMs

function tell(tally: Tally): string {
  const perSecond = Math.round((tally.steps / (performance.now() - startMs)) * 1000)
  return `${tally.steps} steps, ${perSecond} a second, next seed ${tally.nextSeed}`
}

try {
  const tally = await simulateMany({
    config: await simulatedConfig(),
    seed: seed ?? 1,
    steps,
    stepsARun,
    events: values.events,
    ...(values.trace && { onLine: write }),
    onRun(soFar) {
      if (performance.now() - toldMs < PROGRESS_MS) return
      toldMs = performance.now()
      write(tell(soFar))
    },
  })
  const replies = [...tally.seen].sort(([a], [b]) => (a < b ? -1 : 1))
  write(replies.map(([name, count]) => `${name} ${count}`).join(', '))
  write(`${tell(tally)}: no invariant was broken`)
} catch (error) {
  if (!(error instanceof Violation)) throw error
  write(error.message)
  const how = values.events ? ' --events' : ''
  const same = `--seed ${error.seed} --run-steps ${stepsARun}${how}`
  write(`Repeat it, with all that happened: npm run -s simulate -- --steps 1 ${same} --trace`)
  process.exitCode = 1
}
