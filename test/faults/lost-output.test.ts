import { expect, it } from 'vitest'
import { prepareGateway, startGateway } from '../support/gateway-process.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { until } from '../support/until.ts'

it('serves on when nobody reads its log any more, and ends in order when it is told to', async () => {
  const directory = await openTemporaryDirectory()
  await using gateway = await startGateway(
    await prepareGateway(directory.path, { server: { reloadSeconds: 0 } }),
  )
  gateway.stopReading()
  const reads = async () => {
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    return Number(/^signet_config_reads_total\{.*\} (\d+)/m.exec(metrics)?.[1] ?? 0)
  }
  // Each reading is a line of the log.
  for (const wanted of [1, 2]) {
    gateway.kill('SIGHUP')
    await until('the configuration was read', async () => (await reads()) >= wanted)
  }
  expect((await fetch(`${gateway.url}/healthz`)).status).toBe(200)
  gateway.kill('SIGTERM')
  expect(await gateway.ended).toEqual({ code: 0, signal: null })
  await directory.close()
})
