import { afterEach, expect, it } from 'vitest'
import { tellTroubles, whatIsSigned } from '../../src/gateway/what-is-signed.ts'
import { eventsIn } from '../support/log-lines.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'

let gateway: TestGateway
afterEach(() => gateway.close())

/** A store that keeps nothing of what is signed for uploads. */
const WEAK = {
  capabilities: { ...CAPABLE_STORE.capabilities, signedLength: 'no', multipart: 'no' },
}
/** A store of which nobody knows whether an attachment can be had from it. */
const BARE = { capabilities: { ...CAPABLE_STORE.capabilities, responseOverrides: 'probe' } }

/** A gateway whose bucket `media` has placements at these stores. */
async function open(
  stores: Readonly<Record<string, object>>,
  weights: Record<string, number> = {},
) {
  const names = Object.keys(stores)
  gateway = await openTestGateway({
    stores: Object.fromEntries(names.map((name) => [name, { ...stores[name] }])),
    bucket: {
      placements: names.map((store) => ({ store, bucket: `at-${store}`, weight: weights[store] })),
    },
  })
}

function placementAt(name: string) {
  const { placements } = gateway.context.config.buckets.get('media') ?? {}
  const placement = placements?.find(({ store }) => store.name === name)
  if (placement === undefined) throw new Error(`No placement at "${name}"`)
  return placement
}

const signedAt = (name: string) => whatIsSigned(gateway.context, placementAt(name))

function toldOf(name: string): string[] {
  gateway.log.length = 0
  tellTroubles(gateway.context, placementAt(name))
  const events = ['placement.takes_no_uploads', 'bucket.takes_no_uploads']
  events.push('bucket.gives_no_downloads')
  return events.filter((event) => eventsIn(gateway.log, event).length > 0)
}

it('is told of each placement by what its own store keeps', async () => {
  await open({ strong: {}, weak: WEAK })
  expect(signedAt('strong')).toMatchObject([{ bucket: 'media', put: { signed: true } }])
  expect(signedAt('weak')).toMatchObject([
    {
      bucket: 'media',
      put: { signed: false, capability: 'signedLength' },
      download: { signed: true },
    },
  ])
})

it('shows no upload where no new objects go, and the downloads all the same', async () => {
  await open({ strong: {}, old: {} }, { old: 0 })
  const none = { signed: false, capability: 'placements' }
  expect(signedAt('old')).toMatchObject([
    { put: none, post: none, multipart: none, download: { signed: true } },
  ])
  expect(toldOf('old')).toEqual([])
})

it('is a warning where another placement takes uploads, an error where none does', async () => {
  await open({ strong: {}, weak: WEAK })
  expect([toldOf('strong'), toldOf('weak')]).toEqual([[], ['placement.takes_no_uploads']])
  await gateway.close()
  await open({ strong: {}, weak: WEAK }, { strong: 0 })
  expect(toldOf('weak')).toEqual(['bucket.takes_no_uploads'])
})

it('is an error at whichever placement nothing can be had from', async () => {
  await open({ strong: {}, bare: BARE })
  expect([toldOf('strong'), toldOf('bare')]).toEqual([[], ['bucket.gives_no_downloads']])
})
