import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startGateway } from '../support/gateway-process.ts'
import { describeGateway } from './app.suite.ts'

describeGateway({
  name: 'Node',
  readsAudit: true,
  keeping: (directory) => ({
    state: `sqlite:${join(directory, 'signet.db')}`,
    audit: { file: join(directory, 'audit.jsonl') },
  }),
  async start(settings, directory) {
    const file = join(directory, 'signet.json')
    await writeFile(file, JSON.stringify(settings))
    const child = await startGateway({ file, apiKey: '' })
    return {
      ...child,
      written: () => child.stdout() + child.stderr(),
      async stop() {
        child.kill('SIGTERM')
        return (await child.ended).code
      },
    }
  },
})
