import { GatewayError } from '../errors.ts'
import type { Hashing } from '../hashing.ts'
import { createAws4fetchPresigner } from './aws4fetch-presigner.ts'
import { createNativePresigner } from './native-presigner.ts'
import type { Presigner } from './presigner.ts'

/** `auto`: the native driver where the runtime has synchronous hashing, which is far faster. */
export type PresignerName = 'auto' | 'native' | 'aws4fetch'

/**
 * The presigner that an operator wants. Both give the same URLs, byte for byte. Throws `InternalError`
 * for a native one on a runtime without synchronous hashing.
 */
export function choosePresigner({
  wanted,
  hashing,
}: {
  readonly wanted: PresignerName
  readonly hashing: Hashing | undefined
}): Presigner {
  if (wanted === 'aws4fetch') return createAws4fetchPresigner()
  if (hashing !== undefined) return createNativePresigner(hashing)
  if (wanted === 'auto') return createAws4fetchPresigner()
  throw new GatewayError(
    'InternalError',
    'Cannot sign natively: this runtime has no synchronous hashing',
  )
}
