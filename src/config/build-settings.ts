import { type Networks, parseNetworks } from '../network.ts'
import { isLoopbackHost, parseListenAddress, parseOrigin } from './address.ts'
import { buildCallerRegion } from './build-caller-region.ts'
import type { Environment, ListenAddress, ServerSettings } from './config.ts'
import type { Path } from './problem.ts'
import type { Report } from './report.ts'
import type { ServerInput } from './schema-server.ts'

const ANY_PORT: ListenAddress = { host: '127.0.0.1', port: 0 }

/** `server`. Reports addresses and origins that are none. */
export function buildServer(
  input: ServerInput,
  { environment, report }: { environment: Environment; report: Report },
): ServerSettings {
  const listen = listenAddress(input.listen, ['server', 'listen'], report)
  const admin = listenAddress(input.admin, ['server', 'admin'], report)
  if (listen.port !== 0 && listen.port === admin.port && sharesHost(listen, admin)) {
    report.problem(['server', 'admin'], 'must be another address than "listen"')
  }
  if (environment === 'production' && !isLoopbackHost(admin.host)) {
    report.warn(['server', 'admin'], 'can be reached from other machines: keep strangers off it')
  }
  const { publicUrl, cors } = input
  return {
    ...input,
    listen,
    admin,
    publicUrl:
      publicUrl === undefined ? undefined : origin(publicUrl, ['server', 'publicUrl'], report),
    trustedProxies: trustedProxies(input.trustedProxies, report),
    callerRegion: buildCallerRegion(input.callerRegion, {
      hasProxies: input.trustedProxies.length > 0,
      report,
    }),
    cors: {
      origins: new Set(
        cors.origins.map((text, index) =>
          origin(text, ['server', 'cors', 'origins', index], report),
        ),
      ),
    },
  }
}

function listenAddress(text: string, path: Path, report: Report): ListenAddress {
  const address = parseListenAddress(text)
  if (address === undefined)
    report.problem(path, 'must be host:port or :port, with a port to 65535')
  return address ?? ANY_PORT
}

function trustedProxies(list: readonly string[], report: Report): Networks {
  return list.flatMap((text, index) => {
    const path = ['server', 'trustedProxies', index]
    try {
      const networks = parseNetworks([text])
      if (networks.some(([, bits]) => bits === 0)) {
        report.problem(path, 'must not be every address: callers could then choose their own')
      }
      return networks
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      report.problem(path, error.message)
      return []
    }
  })
}

function origin(text: string, path: Path, report: Report): string {
  const parsed = parseOrigin(text)
  if (typeof parsed !== 'string') return parsed.text
  report.problem(path, parsed)
  return ''
}

function sharesHost(a: ListenAddress, b: ListenAddress): boolean {
  return a.host === b.host || a.host === undefined || b.host === undefined
}
