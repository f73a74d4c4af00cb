import type { GatewayContext } from './context.ts'

/**
 * The same context for work that nobody waits for: its calls leave room at the stores for those that
 * somebody waits for. Members that change go on changing.
 */
export function inBackground(context: GatewayContext): GatewayContext {
  const own: Pick<GatewayContext, 'background'> = { background: true }
  return Object.assign(Object.create(context), own)
}
