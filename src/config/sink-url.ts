import { parseOrigin } from './address.ts'

/** A URL that events are sent to. */
export interface SinkUrl {
  /** As it was written. */
  readonly text: string
  readonly isEncrypted: boolean
  /** True for hosts that never leave the machine. */
  readonly isLoopback: boolean
}

/**
 * Reads an `http:` or `https:` URL with any path and query. Text: what is wrong, as a clause that goes on
 * from the member's name and repeats nothing of the value.
 */
export function parseSinkUrl(text: string): SinkUrl | string {
  const [, origin = text, rest = ''] = /^([^:]+:\/\/[^/?#]*)([^#]*)/.exec(text) ?? []
  if (text.includes('#')) return 'must not have a fragment'
  if (!/^[!-~]*$/.test(rest) || rest.includes('\\')) return 'must be a URL in plain ASCII'
  const parsed = parseOrigin(origin)
  if (typeof parsed === 'string') return parsed.replace('an origin like', 'a URL like')
  if (hasDots(rest)) return 'must have a path without dot segments'
  return { text, isEncrypted: parsed.isEncrypted, isLoopback: parsed.isLoopback }
}

/** Every client would rewrite such a path before it is sent. */
function hasDots(rest: string): boolean {
  const [path = ''] = rest.split('?')
  return path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))
}
