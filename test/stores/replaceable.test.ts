import { expect, it } from 'vitest'
import type { KeyRule } from '../../src/stores/bucket.ts'
import type { Capabilities } from '../../src/stores/capabilities.ts'
import { mayReplaceUnsaid } from '../../src/stores/replaceable.ts'
import { storeWith } from './store-fixture.ts'

const CALLER: KeyRule = { kind: 'caller', callerPrefix: '{tenant}/{user}/' }
const OWN: KeyRule = { kind: 'template', template: '{tenant}/{user}/{uuid}' }
const NAMED: KeyRule = { kind: 'template', template: '{tenant}/{user}/{filename}' }

it.each<[boolean, Capabilities['writeOnce'], KeyRule, boolean | undefined]>([
  [true, 'ignored', CALLER, undefined],
  [true, 'refused', NAMED, undefined],
  [false, 'ignored', OWN, undefined],
  [false, 'if-none-match', CALLER, undefined],
  [false, 'probe', CALLER, undefined],
  [false, 'ignored', CALLER, false],
  [false, 'ignored', CALLER, true],
])('uploads may replace each other unsaid: %s for %s, %j and %s', (may, kept, keys, writeOnce) => {
  expect(mayReplaceUnsaid({ keys, upload: { writeOnce } }, storeWith({ writeOnce: kept }))).toBe(
    may,
  )
})
