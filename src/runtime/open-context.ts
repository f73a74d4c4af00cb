import { systemClock } from '../clock.ts'
import type { Config, Secrets } from '../config/config.ts'
import type { AppContext } from '../http/app-context.ts'
import { createLogger, type Logger, type LogLevel } from '../log.ts'
import { openAudit } from './audit-sink.ts'
import { composeContext } from './compose-context.ts'
import { createEventPorts } from './event-ports.ts'
import { openTelemetry } from './metrics.ts'
import { nodeHashing, nodeMd5 } from './node-hashing.ts'
import { openLedger } from './open-ledger.ts'
import { openState } from './open-state.ts'
import { createPooledRandom } from './pooled-random.ts'

/**
 * Opens what a gateway needs on a runtime with files, sockets and processes, and picks the drivers:
 * everything that is closed again is given to `closing`, so that it closes in reverse order. Overrides
 * come last: tests say only what they change.
 */
export async function openContext(
  config: Config,
  secrets: Secrets,
  closing: AsyncDisposableStack,
  overrides: Partial<AppContext> = {},
): Promise<AppContext> {
  const { telemetry, readMetrics, close } = openTelemetry()
  closing.defer(close)
  // Looked up with each call: whatever has replaced it by then is meant.
  const fetchNow: typeof globalThis.fetch = (url, init) => fetch(url, init)
  return composeContext({
    settings: { config, secrets },
    closing,
    overrides,
    ports: {
      hashing: nodeHashing,
      md5: nodeMd5,
      random: createPooledRandom(),
      telemetry,
      readMetrics,
      fetch: fetchNow,
      openLog,
      openLedger: (ports) => openLedger(config, ports),
      openState: () => openState(config),
      openAudit: (ports) => openAudit(config.audit, { ...ports, config }),
      openEventPorts: (clock) => createEventPorts({ clock, fetch: fetchNow }),
      rawTargetOf,
      remoteAddressOf,
    },
  })
}

/** A logger that writes to stderr: stdout belongs to commands and to the audit log. */
function openLog(level: () => LogLevel): Logger {
  return createLogger({ write: (line) => process.stderr.write(line), clock: systemClock, level })
}

// Hono hands over no bindings at all where a request did not come over a socket.
function rawTargetOf(bindings: object | undefined): string | undefined {
  const { incoming } = (bindings ?? {}) as { incoming?: { url?: string } }
  return incoming?.url
}

function remoteAddressOf(bindings: object | undefined): string | undefined {
  const { incoming } = (bindings ?? {}) as { incoming?: { socket?: { remoteAddress?: string } } }
  return incoming?.socket?.remoteAddress
}
