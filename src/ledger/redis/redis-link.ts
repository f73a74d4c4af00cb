/** What a command is given: text, a number, or bytes. */
export type RedisArgument = string | number | Uint8Array

/** One command, its name first. `binary`: texts of the reply come as bytes. */
export interface RedisCommand {
  readonly name: string
  readonly args: readonly RedisArgument[]
  readonly binary?: boolean
}

/** What became of a command. */
export type RedisResult =
  | { readonly kind: 'reply'; readonly reply: unknown }
  /** The server's own error, like `OOM …`: it says whether anything was executed. */
  | { readonly kind: 'error'; readonly message: string }
  /** Time ran out or the connection closed: nobody knows whether it was executed. */
  | { readonly kind: 'unanswered'; readonly message: string }
  /** It was not sent, as there is no connection. */
  | { readonly kind: 'unsent'; readonly message: string }

/**
 * One connection to one server, which comes back by itself. It sends nothing twice and queues nothing
 * while it is away: retries belong to who knows what may be repeated.
 */
export interface RedisLink {
  /** True while commands can be sent. */
  readonly ready: boolean
  /** Why the connection could not be had the last time; `undefined` while all is well. */
  readonly trouble: RedisTrouble | undefined
  /** Sends all in one write. Results in the order of the commands; never throws. */
  send(commands: readonly RedisCommand[]): Promise<readonly RedisResult[]>
  /** Drops the connection and makes another one, for a server that should no longer be talked to. */
  reconnect(): void
  close(): Promise<void>
}

/** A failure to connect. */
export interface RedisTrouble {
  /** `refused`: nobody there, which may heal. `rejected`: somebody there who will not have us. */
  readonly kind: 'refused' | 'rejected'
  readonly message: string
}

/** Called when a link can be used, and when it is lost. */
export interface LinkEvents {
  readonly onReady: () => void
  readonly onLost: () => void
  /** Called when an attempt to connect has failed, whether or not there was a connection. */
  readonly onTrouble?: (trouble: RedisTrouble) => void
}

/** Where a link goes: an address, or the master that sentinels name. */
export type LinkTarget =
  | { readonly kind: 'server'; readonly host: string; readonly port: number }
  | { readonly kind: 'sentinel'; readonly nodes: readonly RedisAddress[]; readonly name: string }

export interface RedisAddress {
  readonly host: string
  readonly port: number
}

/** Makes links; `runtime/` hands over the one on ioredis. `timeoutMs`: instead of the usual one. */
export type ConnectLink = (
  target: LinkTarget,
  events: LinkEvents,
  patience?: { readonly timeoutMs: number },
) => RedisLink

/** A server as people know it. */
export function nameOf(target: LinkTarget): string {
  return target.kind === 'server' ? `${target.host}:${target.port}` : `sentinel ${target.name}`
}
