import type { RedisTrouble } from '../ledger/redis/redis-link.ts'

/** An error as ioredis tells it; `command` is there when a server has refused one. */
export type RedisError = Error & {
  readonly code?: string
  readonly command?: { readonly name: string; readonly args: readonly unknown[] }
}

/** Whether somebody is there who will not have us, which no waiting heals, and by which setting. */
export function troubleOf(error: RedisError): RedisTrouble {
  const { code = '', message } = error
  const sentinels = /^All sentinels are unreachable.*?(?: Last error: (.*))?$/s.exec(message)
  if (sentinels !== null) return sentinelTrouble(sentinels[1])
  if (isUnselected(error)) {
    const database = `database ${error.command?.args[0]} cannot be used ("state")`
    return { kind: 'rejected', message: `${database}: ${message}` }
  }
  if (/^(WRONGPASS|NOAUTH|DENIED|ERR .*AUTH)/.test(message)) {
    const settings = '"ledger.username" and "ledger.password", or those of "state"'
    return { kind: 'rejected', message: `the server does not let us in (${settings}): ${message}` }
  }
  if (/SSL|TLS|CERT|ALTNAME|SIGNATURE/.test(code)) {
    return { kind: 'rejected', message: `its certificate is refused ("ledger.tls"): ${message}` }
  }
  const answered = /^(NOPERM|ERR )/.test(message)
  return { kind: answered ? 'rejected' : 'refused', message: message || code }
}

/** True when the server has refused to change to the database that was asked for. */
export function isUnselected({ command }: RedisError): boolean {
  return command?.name === 'select'
}

// ioredis says in one text that nobody is there and that nobody knows the name. How long it waits is
// in there too, and would make the same reason another one each time.
function sentinelTrouble(last: string | undefined): RedisTrouble {
  if (last === undefined) {
    return { kind: 'rejected', message: 'Sentinel knows no master by the name in "state"' }
  }
  if (/unknown command/i.test(last)) {
    return { kind: 'rejected', message: 'what answers is no Sentinel: "state" must name Sentinels' }
  }
  if (/^(WRONGPASS|NOAUTH|NOPERM)/.test(last)) {
    const setting = '"ledger.sentinelUsername" and "ledger.sentinelPassword"'
    return { kind: 'rejected', message: `Sentinel does not let us in (${setting}): ${last}` }
  }
  const why = last.startsWith('Connection is closed') ? '' : `: ${last}`
  return { kind: 'refused', message: `no Sentinel of "state" can be reached${why}` }
}
