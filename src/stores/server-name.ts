/** Longest name of a server that is kept, in characters. */
const MAX_CHARACTERS = 128

/**
 * What an answer says that its server is, fit to be shown: printable ASCII, cut to 128 characters.
 * Undefined where it says nothing.
 */
export function serverName(headers: Headers): string | undefined {
  const name = headers.get('server')?.replace(/[^\x20-\x7e]/g, '') ?? ''
  return name === '' ? undefined : name.slice(0, MAX_CHARACTERS)
}
