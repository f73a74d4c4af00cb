import type { EventBufferOptions } from '../audit/event-buffer.ts'
import { openHttpAudit } from '../audit/http.ts'
import { createJsonLinesAudit } from '../audit/json-lines.ts'
import type { Audit } from '../audit/port.ts'
import { openSqliteAudit } from '../audit/sqlite.ts'
import { type Clock, systemClock } from '../clock.ts'
import type { AuditSetting, Config } from '../config/config.ts'
import type { Logger } from '../log.ts'
import { openAuditFiles } from './audit-files.ts'
import { openDatabase } from './open-ledger.ts'

/** What opening an audit log needs beside its own setting. */
export interface AuditPorts {
  readonly log: Logger
  /** Where the ledger lives, and how it is reached; a log on Redis is there too. */
  readonly config?: Pick<Config, 'state' | 'ledger'>
  /** Default: the machine's. */
  readonly clock?: Clock
}

type Told = Pick<EventBufferOptions, 'onState' | 'onLost'>

/**
 * Opens the configured audit log, and makes its file and folder. On Redis nothing is asked of a server
 * before the first event. Throws for a file that cannot be used.
 */
export async function openAudit(setting: AuditSetting, ports: AuditPorts): Promise<Audit> {
  const { log, clock = systemClock } = ports
  const told: Told = {
    onState: (state, error) =>
      state === 'failing' ? log.error('audit.failing', { error }) : log.info('audit.working'),
    onLost: (count) => log.error('audit.lost_at_end', { count }),
  }
  switch (setting.kind) {
    case 'none':
      return createJsonLinesAudit({ write: async () => {}, lines: 'nowhere', ...told })
    case 'stdout':
      return createJsonLinesAudit({ write: writeStdout, lines: 'standard output', ...told })
    case 'file':
      return openFile(setting, told)
    case 'sqlite': {
      const { path, keepDays } = setting
      const schedule = (run: () => void) => void setImmediate(run)
      return openSqliteAudit({ database: openDatabase(path), clock, schedule, keepDays, ...told })
    }
    case 'queue':
      throw new Error('Cannot open the audit log: queues are there on workerd alone')
    case 'redis':
      return openOnRedis(setting, ports, told)
    case 'http': {
      const { url, token, timeoutMs } = setting
      const common = { send: fetch, gateway: crypto.randomUUID(), ...told }
      return openHttpAudit({ url: url.reveal(), token, timeoutMs, ...common })
    }
  }
}

async function openFile(
  { path, maxFileBytes, keepFiles }: Extract<AuditSetting, { kind: 'file' }>,
  told: Told,
): Promise<Audit> {
  const files = await openAuditFiles({ path, maxFileBytes, keepFiles })
  const audit = createJsonLinesAudit({
    write: (text) => files.append(text),
    lines: files.lines ?? 'a path that is no file',
    ...told,
  })
  return {
    ...audit,
    async close() {
      await audit.close()
      await files.close()
    },
  }
}

async function openOnRedis(
  { maxEvents }: Extract<AuditSetting, { kind: 'redis' }>,
  { config }: AuditPorts,
  told: Told,
): Promise<Audit> {
  if (config?.state.kind !== 'redis') throw new Error('Cannot open the audit log: no Redis')
  const { openAuditOnRedis } = await import('./on-redis.ts')
  const { state, ledger } = config
  return openAuditOnRedis({ state, ledger }, { maxEvents, ...told })
}

function writeStdout(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error == null ? resolve() : reject(error)))
  })
}
