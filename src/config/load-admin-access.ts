import * as z from 'zod/mini'
import { IN_ENGLISH } from '../issue-words.ts'
import type { Secret } from '../secret.ts'
import { parseListenAddress } from './address.ts'
import { buildAdminToken } from './build-secrets.ts'
import { ConfigError } from './problem.ts'
import { type ReferenceSources, resolveReferences } from './references.ts'
import { createReport } from './report.ts'
import { reportIssues } from './schema-problems.ts'
import { secretsSchema, serverSchema } from './schema-server.ts'
import { members } from './schema-values.ts'
import { memberOf, readTree } from './settings-tree.ts'

const accessSchema = members({
  server: z.prefault(members({ admin: serverSchema.def.innerType.shape.admin }), {}),
  secrets: z.pick(secretsSchema, { adminToken: true }),
})

/** How a command line reaches the admin API of the gateway that runs from a configuration. */
export interface AdminAccess {
  /** Origin of the admin listener; `undefined` where the configuration lets a port be picked. */
  readonly url: string | undefined
  readonly token: Secret
}

/**
 * Reads the admin address and token of a configuration, and nothing else: an operator's machine need
 * not have the secrets of stores. Throws `ConfigError` with the problems of these two.
 */
export async function loadAdminAccess(
  text: string,
  file: string,
  sources: ReferenceSources,
): Promise<AdminAccess> {
  const read = await readTree(text)
  const report = createReport(file, read.locate)
  if (read.value === undefined) {
    for (const { path, message, position } of read.problems) report.problem(path, message, position)
  }
  const admin = memberOf(memberOf(read.value, 'server'), 'admin')
  const adminToken = memberOf(memberOf(read.value, 'secrets'), 'adminToken')
  const only = {
    server: admin === undefined ? {} : { admin },
    secrets: adminToken === undefined ? {} : { adminToken },
  }
  const tree = await resolveReferences(only, file, { ...sources, report })
  const parsed = accessSchema.safeParse(tree, IN_ENGLISH)
  if (!parsed.success) reportIssues(parsed.error, { schema: accessSchema, tree, report })
  const token = parsed.data && buildAdminToken(parsed.data.secrets.adminToken, report)
  const address = parsed.data && parseListenAddress(parsed.data.server.admin)
  if (parsed.success && address === undefined) {
    report.problem(['server', 'admin'], 'must be host:port or :port, with a port to 65535')
  }
  const problems = report.problems()
  if (token === undefined || address === undefined || problems.length > 0) {
    throw new ConfigError(problems, [])
  }
  return { url: urlOf(address), token: token.current.secret }
}

function urlOf({ host, port }: { host: string | undefined; port: number }): string | undefined {
  if (port === 0) return undefined
  // Who listens everywhere listens here as well.
  if (host === undefined || host === '0.0.0.0' || host === '::') return `http://127.0.0.1:${port}`
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}
