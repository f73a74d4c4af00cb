import { GatewayError } from '../errors.ts'

/** `InvalidRequest` about one member: `path` is its dotted name, `message` says what it must be. */
export function invalidMember(path: string, message: string): GatewayError {
  return new GatewayError('InvalidRequest', `Cannot read the request: "${path}" ${message}`, {
    fields: [{ path, message }],
  })
}
