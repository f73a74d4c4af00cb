import type { RedisLink, RedisResult } from './redis-link.ts'

/** A server that must not be used as it is set up: only an operator heals it. */
export class UnfitServer extends Error {
  readonly problems: readonly string[]

  /** `problems`: one clause each, which names the setting. */
  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.problems = problems
  }
}

/** The reply of a command. Throws `UnfitServer` for a missing permission, `Error` for all else. */
export function replyOf(result: RedisResult | undefined): unknown {
  if (result?.kind === 'reply') return result.reply
  const message = result?.message ?? 'no answer'
  if (isPermissionMissing(message)) throw new UnfitServer([permissionProblem(message)])
  throw new Error(message)
}

/** A missing permission as Redis tells it to a client, and to a script. */
export function isPermissionMissing(message: string): boolean {
  return /\bNOPERM\b|ACL failure in script|can't (run|access|execute)/.test(message)
}

/** Names the setting that a refused command hangs on. */
export function permissionProblem(message: string): string {
  return `its ACL user ("ledger.username") lacks a permission: ${message}`
}

/** What `INFO` says, all sections. */
export async function infoOf(link: RedisLink): Promise<string> {
  const [result] = await link.send([{ name: 'INFO', args: [] }])
  return String(replyOf(result))
}

/** The server's clock, milliseconds since 1970. */
export async function timeOf(link: Pick<RedisLink, 'send'>): Promise<number> {
  const [result] = await link.send([{ name: 'TIME', args: [] }])
  const [seconds, micros] = replyOf(result) as [string, string]
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}

/** Managed servers block `CONFIG`, and an ACL may: then nobody can tell. */
export async function appendfsyncOf(link: RedisLink): Promise<string | undefined> {
  const [result] = await link.send([{ name: 'CONFIG', args: ['GET', 'appendfsync'] }])
  const [, value] = result?.kind === 'reply' ? (result.reply as string[]) : []
  return value
}
