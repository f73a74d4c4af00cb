import type * as z from 'zod/mini'
import type { KeyRecord } from '../auth/key-record.ts'
import type { Hashing } from '../hashing.ts'
import { IN_ENGLISH } from '../issue-words.ts'
import { buildAudit } from './build-audit.ts'
import { buildBucket } from './build-bucket.ts'
import { checkEventTransport } from './build-events.ts'
import { buildAdminIssuer, buildIssuer } from './build-issuers.ts'
import { buildLedger, buildState } from './build-ledger.ts'
import { buildPlan, type LimitIds } from './build-plan.ts'
import { buildSecrets } from './build-secrets.ts'
import { buildServer } from './build-settings.ts'
import { buildStore } from './build-store.ts'
import { buildTenant } from './build-tenant.ts'
import { checkIssuers } from './check-issuers.ts'
import { checkTogether } from './check-together.ts'
import type { Config, Environment, Secrets } from './config.ts'
import { deepFreeze } from './frozen.ts'
import { warnOfLiteralPasswords } from './literal-passwords.ts'
import { ConfigError, formatPath, type Path, type Problem } from './problem.ts'
import { type ReferenceSources, resolveReferences } from './references.ts'
import { createReport, type Report } from './report.ts'
import { checkRetention } from './retention.ts'
import { salvage } from './salvage.ts'
import { configSchema } from './schema.ts'
import { memberOf, readTree } from './settings-tree.ts'

/** What reading a configuration needs from outside. */
export interface ConfigSources extends ReferenceSources {
  readonly hashing: Hashing
}

/** A configuration that can be used. */
export interface LoadedConfig {
  /** Frozen, maps and sets too. */
  readonly config: Config
  readonly secrets: Secrets
  /** What works, but hardly as meant. */
  readonly warnings: readonly Problem[]
  /** A problem that a running gateway finds, at the member's place in the file. */
  problemAt(path: Path, message: string): Problem
}

/**
 * Reads a configuration from the text of `file`, whose name is used for messages and for the folder
 * that `file:` references hang on. Throws `ConfigError` with every problem that there is, and nothing
 * else.
 */
export async function loadConfig(
  text: string,
  file: string,
  sources: ConfigSources,
): Promise<LoadedConfig> {
  const read = await readTree(text)
  const report = createReport(file, read.locate)
  for (const { path, message, position } of read.problems) report.problem(path, message, position)
  if (read.value === undefined) throw new ConfigError(report.problems(), report.warnings())
  const tree = await resolveReferences(read.value, file, { ...sources, report })
  const parsed = configSchema.safeParse(tree, IN_ENGLISH)
  if (!parsed.success) {
    const { reportIssues } = await import('./schema-problems.ts')
    reportIssues(parsed.error, { schema: configSchema, tree, report })
  }
  if (memberOf(tree, 'environment') === 'production') warnOfLiteralPasswords(read.value, report)
  const { config, secrets } = build(tree, { hashing: sources.hashing, report })
  const problems = report.problems()
  const warnings = report.warnings()
  if (!parsed.success || problems.length > 0 || config === undefined || secrets === undefined) {
    throw new ConfigError(problems, warnings)
  }
  return {
    config: deepFreeze(config),
    secrets: deepFreeze(secrets),
    warnings,
    problemAt: (path, message) => {
      return { file, ...read.locate(path, 'value'), path: formatPath(path), message }
    },
  }
}

/** Builds whatever is well-formed, so that one broken member does not hide the others' problems. */
function build(
  tree: unknown,
  { hashing, report }: { hashing: Hashing; report: Report },
): { config: Config | undefined; secrets: Secrets | undefined } {
  const { shape } = configSchema
  const scope: Scope = { tree, report }
  const environment = readMember('environment', shape.environment, scope) ?? 'development'
  const common: { environment: Environment; report: Report } = { environment, report }

  const secretsInput = readMember('secrets', shape.secrets, scope)
  const secrets = secretsInput && buildSecrets(secretsInput, report)

  const stores = readEach('stores', shape.stores, scope, (name, input) =>
    buildStore(name, input, common),
  )
  const buckets = readEach('buckets', shape.buckets, scope, (name, input) =>
    buildBucket(name, input, { stores: stores.built, storeNames: stores.names, report }),
  )
  const limitIds: LimitIds = new Map()
  const plans = readEach('plans', shape.plans, scope, (name, input) =>
    buildPlan(name, input, { report, hashing, limitIds }),
  )
  const keys = new Map<string, KeyRecord>()
  const around = {
    plans: plans.built,
    planNames: plans.names,
    buckets: buckets.built,
    bucketNames: buckets.names,
    pepper: secrets?.pepper,
    report,
  }
  const tenants = readEach('tenants', shape.tenants, scope, (id, input) =>
    buildTenant(id, input, { scope: around, keys }),
  )
  const server = readMember('server', shape.server, scope)
  checkTogether(
    { stores: stores.built, buckets: buckets.built, tenants: tenants.built, server },
    report,
  )

  const issuers = readEach('issuers', shape.issuers.def.innerType, scope, (name, input) =>
    buildIssuer(name, input, { ...common, bucketNames: buckets.names }),
  )
  const oidc = readMember('admin', shape.admin, scope)?.oidc
  const adminIssuer = oidc && buildAdminIssuer(oidc, common)
  checkIssuers(issuers.built, { admin: adminIssuer, report })

  const stateText = readMember('state', shape.state, scope)
  const ledgerInput = readMember('ledger', shape.ledger, scope)
  const audit = readMember('audit', shape.audit, scope)
  const log = readMember('log', shape.log, scope)
  const signing = readMember('signing', shape.signing, scope)
  // What "ledger" may hold depends on where it lives: a broken "state" says nothing about it.
  const state =
    stateText === undefined ? undefined : buildState(stateText, ledgerInput ?? {}, common)
  const settings = {
    server: server && buildServer(server, common),
    ledger:
      state &&
      ledgerInput &&
      buildLedger(state, ledgerInput, { buckets: buckets.built.values(), report }),
    audit: audit && buildAudit(audit, { ...common, state }),
  }
  if (environment === 'production') {
    checkEventTransport(stores.built.values(), { publicUrl: server?.publicUrl, report })
  }
  if (settings.ledger) checkRetention(settings.ledger, buckets.built.values(), report)
  if (!settings.server || !state || !settings.ledger || !settings.audit || !log || !signing) {
    return { config: undefined, secrets }
  }
  const config: Config = {
    environment,
    server: settings.server,
    state,
    ledger: settings.ledger,
    log,
    audit: settings.audit,
    signing,
    stores: stores.built,
    buckets: buckets.built,
    plans: plans.built,
    tenants: tenants.built,
    keys,
    issuers: issuers.built,
    adminIssuer,
  }
  return { config, secrets }
}

interface Scope {
  readonly tree: unknown
  readonly report: Report
}

function readMember<Output>(
  name: string,
  schema: z.ZodMiniType<Output>,
  { tree, report }: Scope,
): Output | undefined {
  const { value, removed } = salvage(schema, memberOf(tree, name))
  for (const path of removed) report.settled([name, ...path])
  return value
}

/** All names under a member, and what could be built of those whose shape is right. */
function readEach<Input, Built>(
  member: string,
  schema: z.ZodMiniRecord<z.ZodMiniType<string, string>, z.ZodMiniType<Input>>,
  { tree, report }: Scope,
  buildOne: (name: string, input: Input) => Built | undefined,
): { names: ReadonlySet<string>; built: Map<string, Built> } {
  const group = memberOf(tree, member)
  const isMap = typeof group === 'object' && group !== null && !Array.isArray(group)
  const entries = isMap ? Object.entries(group) : []
  const built = new Map<string, Built>()
  for (const [name, entry] of entries) {
    const { value, removed } = salvage(schema.def.valueType, entry)
    for (const path of removed) report.settled([member, name, ...path])
    const result = value === undefined ? undefined : buildOne(name, value)
    if (result !== undefined) built.set(name, result)
  }
  return { names: new Set(entries.map(([name]) => name)), built }
}
