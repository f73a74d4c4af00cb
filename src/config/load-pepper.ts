import * as z from 'zod/mini'
import type { RotatingSecret } from '../auth/rotating-secret.ts'
import { IN_ENGLISH } from '../issue-words.ts'
import { buildPepper } from './build-secrets.ts'
import { ConfigError } from './problem.ts'
import { type ReferenceSources, resolveReferences } from './references.ts'
import { createReport } from './report.ts'
import { reportIssues } from './schema-problems.ts'
import { secretsSchema } from './schema-server.ts'
import { members } from './schema-values.ts'
import { memberOf, readTree } from './settings-tree.ts'

const pepperSchema = members({ secrets: z.pick(secretsSchema, { pepper: true }) })

/**
 * The pepper of a configuration whose other members may be missing still: the first key has to be
 * made before its hash can stand in the file. Throws `ConfigError` with the pepper's problems.
 */
export async function loadPepper(
  text: string,
  file: string,
  sources: ReferenceSources,
): Promise<RotatingSecret> {
  const read = await readTree(text)
  const report = createReport(file, read.locate)
  if (read.value === undefined) {
    for (const { path, message, position } of read.problems) report.problem(path, message, position)
  }
  const pepper = memberOf(memberOf(read.value, 'secrets'), 'pepper')
  const only = pepper === undefined ? {} : { pepper }
  const tree = await resolveReferences({ secrets: only }, file, { ...sources, report })
  const parsed = pepperSchema.safeParse(tree, IN_ENGLISH)
  if (!parsed.success) reportIssues(parsed.error, { schema: pepperSchema, tree, report })
  const built = parsed.data && buildPepper(parsed.data.secrets.pepper, report)
  const problems = report.problems()
  if (built === undefined || problems.length > 0) throw new ConfigError(problems, [])
  return built
}
