import { parseArgs } from 'node:util'
import { type Report, tableLine } from './figure.ts'

const PARTS = {
  presign: async () => (await import('./presign-part.ts')).presignPart,
  ledger: async () => (await import('./ledger-part.ts')).ledgerPart,
  http: async () => (await import('./http-part.ts')).httpPart,
  auth: async () => (await import('./auth-part.ts')).authPart,
  start: async () => (await import('./start-part.ts')).startPart,
  runtime: async () => (await import('./runtime-part.ts')).runtimePart,
} as const satisfies Record<string, () => Promise<(report: Report) => Promise<void>>>

type PartName = keyof typeof PARTS

/** For what hangs without an answer; a part takes 100 s at most, the first installation as long. */
const PART_TIMEOUT_MS = 480_000

const HELP = `npm run bench [-- OPTIONS]

  --only PART   run one part: ${Object.keys(PARTS).join(', ')}; may be repeated
  --json        one JSON object a line: {"name","value","unit","baseline"?,"ratio"?}
  --help        this text

Figures go to stdout, progress to stderr. How to read them: test/bench/README.md
`

// Without these a signal would skip the exit handlers, which end the children and remove files.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))

try {
  await main()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  process.exit(1)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: Object.keys(PARTS) },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const wanted = values.only.map(partName)
  const report: Report = (figure) => {
    process.stdout.write(`${values.json ? JSON.stringify(figure) : tableLine(figure)}\n`)
  }
  for (const name of wanted) {
    const startMs = performance.now()
    process.stderr.write(`${name} …\n`)
    const watchdog = setTimeout(giveUp, PART_TIMEOUT_MS, name)
    const part = await PARTS[name]()
    await part(report)
    clearTimeout(watchdog)
    process.stderr.write(`${name}: ${((performance.now() - startMs) / 1000).toFixed(1)} s\n`)
  }
}

// The exit handlers end the children.
function giveUp(name: PartName): void {
  process.stderr.write(`Cannot finish "${name}": it takes too long\n`)
  process.exit(1)
}

function partName(text: string): PartName {
  if (text in PARTS) return text as PartName
  throw new Error(`Cannot run "${text}": the parts are ${Object.keys(PARTS).join(', ')}`)
}
