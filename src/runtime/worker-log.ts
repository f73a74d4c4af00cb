import { systemClock } from '../clock.ts'
import { createLogger, type Logger, type LogLevel } from '../log.ts'

/** A logger for runtimes whose only way out is the console. */
export function openWorkerLog(level: () => LogLevel): Logger {
  return createLogger({ write: writeLine, clock: systemClock, level })
}

/** Writes lines that are whole, each with its end. */
export function writeLine(text: string): void {
  const { log } = console
  log(text.trimEnd())
}
