import { appendFile } from 'node:fs/promises'
import { openAuditFiles } from '../../src/runtime/audit-files.ts'

/**
 * Runs where files may not grow past some hundred bytes, as on a disk that is nearly full: appends too much to
 * the file that it is given, more than once.
 */
const [path = ''] = process.argv.slice(2)
const files = await openAuditFiles({ path })
const tooMuch = `${'x'.repeat(100_000)}\n`

async function fail(): Promise<void> {
  const code = await files.append(tooMuch).then(
    () => 'none',
    (error: NodeJS.ErrnoException) => error.code,
  )
  process.stdout.write(`${code}\n`)
}

await files.append('first\n')
await fail()
await fail()
await files.append('second\n')
await appendFile(path, 'of another\n')
await fail()
await files.close()
