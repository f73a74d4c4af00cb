import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { until } from '../until.ts'
import { createTestBucket, describeOnSwift, storeClient } from './stores-under-test.ts'
import { openSwiftStore, type SwiftOptions, type SwiftStore } from './swift-store.ts'

describeOnSwift('a Swift of its own', () => {
  it('takes part numbers up to the one that was set, and keeps nothing of the other Swift', async () => {
    const swift = await opened({ maxParts: 1_000 })
    try {
      const url = `${swift.endpoint}/${await createTestBucket(swift)}/object`
      const created = await storeClient(swift).fetch(`${url}?uploads`, { method: 'POST' })
      const [, uploadId] = /<UploadId>(.+)<\/UploadId>/.exec(await created.text()) ?? []
      const part = async (number: number) => {
        const target = `${url}?partNumber=${number}&uploadId=${uploadId}`
        return (await storeClient(swift).fetch(target, { method: 'PUT', body: 'hello' })).status
      }
      expect([await part(1_000), await part(1_001)]).toEqual([200, 400])
      const buckets = await storeClient(swift).fetch(swift.endpoint)
      expect((await buckets.text()).match(/<Bucket>/g)).toHaveLength(1)
    } finally {
      await swift.close()
    }
    await swift.close()
    await expect(fetch(swift.endpoint)).rejects.toThrow()
  })

  it('is gone with a process that is killed', async () => {
    const module = JSON.stringify(new URL('./swift-store.ts', import.meta.url).href)
    const source = `const { openSwiftStore } = await import(${module})
      const store = await openSwiftStore()
      process.stdout.write(store.endpoint)`
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [endpoint]: Buffer[] = await once(owner.stdout, 'data')
    const answered = await fetch(`${endpoint}/healthcheck`)
    owner.kill('SIGKILL')
    expect(answered.status).toBe(200)
    await until('the store is gone', () => isRefused(`${endpoint}/healthcheck`))
  })
})

async function opened(options: SwiftOptions): Promise<SwiftStore> {
  const store = await openSwiftStore(options)
  if (store.kind === 'unavailable') throw new Error(`Cannot open Swift: ${store.reason}`)
  return store
}

function isRefused(url: string): Promise<boolean> {
  return fetch(url).then(
    () => false,
    () => true,
  )
}
