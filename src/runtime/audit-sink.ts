import { mkdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createJsonLinesAudit } from '../audit/json-lines.ts'
import type { Audit } from '../audit/port.ts'
import type { AuditSetting } from '../config/config.ts'
import type { Logger } from '../log.ts'

/** Opens the configured audit log. A file is appended to; its folder is made. */
export async function openAudit(setting: AuditSetting, log: Logger): Promise<Audit> {
  const onState = (state: 'failing' | 'working', error?: unknown) =>
    state === 'failing' ? log.error('audit.failing', { error }) : log.info('audit.working')
  if (setting.kind === 'none') return createJsonLinesAudit({ write: async () => {}, onState })
  if (setting.kind === 'stdout') return createJsonLinesAudit({ write: writeStdout, onState })
  mkdirSync(dirname(setting.path), { recursive: true, mode: 0o700 })
  const file = await open(setting.path, 'a', 0o600)
  return closingWith(createJsonLinesAudit({ write: (text) => append(file, text), onState }), file)
}

// `appendFile` repeats short writes; a full disk rejects, and the lines stay in the buffer.
async function append(file: FileHandle, text: string): Promise<void> {
  await file.appendFile(text)
}

function writeStdout(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error == null ? resolve() : reject(error)))
  })
}

function closingWith(audit: Audit, file: FileHandle): Audit {
  return {
    append: (event) => audit.append(event),
    async close() {
      await audit.close()
      await file.close()
    },
  }
}
