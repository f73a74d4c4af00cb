import { GatewayError } from '../errors.ts'

/** An error about one item of several, which names it: `items.N` in its text and before its fields. */
export function aboutItem(error: unknown, index: number): unknown {
  if (!(error instanceof GatewayError)) return error
  const { fields, ...details } = error.details
  return new GatewayError(error.code, `${error.message} (items.${index})`, {
    ...details,
    ...(fields !== undefined && {
      fields: fields.map(({ path, message }) => ({ path: `items.${index}.${path}`, message })),
    }),
    cause: error,
  })
}
