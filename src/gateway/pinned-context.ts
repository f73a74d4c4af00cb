import type { GatewayContext } from './context.ts'

/** What is replaced as a whole, and stays as it was for who has begun. */
type Pinned = Pick<GatewayContext, 'config' | 'ticketKeys' | 'cursorKeys'>

/**
 * Gives the context with the settings as they are now: they stay so, and all else is the context's own. One
 * object serves all who begin while nothing is replaced.
 */
export function createPinning<Context extends GatewayContext>(
  contextOf: () => Context,
): () => Context {
  let pinned: Context | undefined
  return () => {
    const context = contextOf()
    const { config, ticketKeys, cursorKeys } = context
    if (pinned?.config === config && pinned.ticketKeys === ticketKeys) return pinned
    const own: { readonly [Name in keyof Pinned]: PropertyDescriptor } = {
      config: { value: config },
      ticketKeys: { value: ticketKeys },
      cursorKeys: { value: cursorKeys },
    }
    const next: Context = Object.create(context, own)
    pinned = next
    return next
  }
}
