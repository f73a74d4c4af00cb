import { toTimestamp } from '../clock.ts'
import { changedSettings, type Settings } from '../config/changed-settings.ts'
import type { Config } from '../config/config.ts'
import { type LoadedConfig, loadConfig } from '../config/load-config.ts'
import { needsRestart, reloaded } from '../config/needs-restart.ts'
import { ConfigError, type Problem } from '../config/problem.ts'
import { rotationProblems, rotationWarnings } from '../config/rotation-problems.ts'
import { sameSetting } from '../config/same-setting.ts'
import type { ConfigStatusView } from '../gateway/config-status.ts'
import { keysByPepper } from '../gateway/keys/keys-by-pepper.ts'
import { rejectedCredentials } from '../gateway/rejected-credentials.ts'
import type { AppContext } from '../http/app-context.ts'
import type { ConfigFiles } from './config-files.ts'
import { nodeHashing } from './node-hashing.ts'
import type { Taken } from './watch-config.ts'

/** Names of changed settings that one line of the log tells. */
const MAX_TOLD = 50

export interface ReloadOptions {
  readonly context: AppContext
  /** Path of the configuration. */
  readonly file: string
  readonly env: NodeJS.ProcessEnv
  /** Told that the stores may have other settings now. */
  readonly onReloaded: () => void
}

/**
 * Gives what takes the files of a configuration as they are now: reads the whole of it, and puts it into
 * force between two requests, all at once, but for what needs a restart. A configuration with any
 * problem changes nothing: each problem is told to the log and to operators. So does one with a key pair
 * that its store does not take, or not yet, or without a pepper that keys hang on: that may be of use
 * later. It never rejects.
 */
export function createReload(options: ReloadOptions): (files: ConfigFiles) => Promise<Taken> {
  const { context, onReloaded } = options

  async function reload(files: ConfigFiles): Promise<void> {
    const { live, log, configStatus } = context
    const wanted = await read(files, options)
    const config = reloaded(live.file, wanted.config)
    const pending = needsRestart(config, wanted.config)
    const next: Settings = { config, secrets: wanted.secrets }
    const changed = changedSettings({ config: live.file, secrets: live.secrets }, next)
    const isNew = changed.length > 0
    await assertTaken(live.current, config, wanted)
    if (isNew) {
      live.replaceFile(next)
      context.storeHealth.reconfigure(config.stores.values())
      onReloaded()
    }
    configStatus.inForce({ isNew, needsRestart: pending })
    const { generation } = configStatus.view()
    if (isNew) log.info('config.reloaded', { generation, changed: changed.slice(0, MAX_TOLD) })
    else log.info('config.unchanged', { generation })
    for (const { path, message } of wanted.warnings) log.warn('config.warning', { path, message })
    if (pending.length > 0) log.warn('config.needs_restart', { settings: pending })
    count(isNew ? 'reloaded' : 'unchanged')
    if (isNew) await record('config.reloaded')
  }

  /** Throws `NotYetError` for a key pair that its store does not take. */
  async function assertTaken(
    before: Config,
    after: Config,
    { problemAt }: LoadedConfig,
  ): Promise<void> {
    const rejected = await rejectedCredentials(context, before, after)
    if (rejected.length === 0) return
    throw new NotYetError(
      rejected.map(({ store, uses, code }) =>
        problemAt(
          ['stores', store, 'credentials'],
          `does not work for ${uses.join(', ')}: the store says ${code}`,
        ),
      ),
    )
  }

  async function refuse(error: unknown): Promise<void> {
    const { log, configStatus } = context
    const problems =
      error instanceof ConfigError
        ? error.problems
        : [ofTheWhole(options.file, 'cannot be put into force')]
    const isTold = error instanceof NotYetError && sameProblems(configStatus.view(), problems)
    configStatus.refused(problems)
    count('refused')
    // What may be of use later is tried with each look, and told once.
    if (isTold) return
    for (const { file, line, column, path, message } of problems) {
      log.error('config.problem', { file, line, column, path, message })
    }
    const { generation } = configStatus.view()
    log.error('config.refused', {
      problems: problems.length,
      generation,
      ...(!(error instanceof ConfigError) && { error }),
    })
    await record('config.refused')
  }

  function count(outcome: 'reloaded' | 'unchanged' | 'refused'): void {
    const { generation, needsRestart: pending } = context.configStatus.view()
    context.telemetry.configRead({ outcome, generation, needsRestart: pending.length })
  }

  /** Who can write the file decides: what cannot be recorded is in force all the same. */
  async function record(event: 'config.reloaded' | 'config.refused'): Promise<void> {
    const { audit, clock, configStatus, log } = context
    const at = toTimestamp(clock.nowMs())
    const resource = `config/${configStatus.view().generation}`
    await audit.append({ event, at, resource }).catch((error: unknown) => {
      log.error('config.not_recorded', { resource, error })
    })
  }

  return async (files) => {
    try {
      await reload(files)
      return 'used'
    } catch (error) {
      await refuse(error)
      return error instanceof NotYetError ? 'later' : 'refused'
    }
  }
}

/**
 * Key pairs that stores do not take, or not yet: what was made just now may take its time to be known. Or
 * a pepper that is gone while keys hang on it, which are hashed anew as they are used.
 */
class NotYetError extends ConfigError {
  constructor(problems: readonly Problem[]) {
    super(problems, [])
    this.name = 'NotYetError'
  }
}

function sameProblems({ problems: told }: ConfigStatusView, problems: readonly Problem[]): boolean {
  // Keys that are fewer now are no news.
  const words = (each: Omit<Problem, 'file'>) =>
    `${each.path}: ${each.message}`.replaceAll(/\(\d+\)/g, '')
  return sameSetting(told.map(words), problems.map(words))
}

/** Throws `ConfigError` with all that is wrong, and also for a secret in use that is gone. */
async function read(files: ConfigFiles, { context, file, env }: ReloadOptions) {
  const text = await files.readText(file).catch(() => {
    throw new ConfigError([ofTheWhole(file, 'cannot be read')], [])
  })
  const sources = { env, readText: files.readText, hashing: nodeHashing }
  const loaded = await loadConfig(text, file, sources)
  const { secrets } = context.live
  const gone = rotationProblems(secrets, loaded.secrets, (version) =>
    keysByPepper(context, { version, configured: loaded.config.keys.values() }),
  )
  if (gone.length > 0) {
    const problems = gone.map(({ path, message }) => loaded.problemAt(path, message))
    if (gone.every(({ endsByItself }) => endsByItself)) throw new NotYetError(problems)
    throw new ConfigError(problems, loaded.warnings)
  }
  const warnings = rotationWarnings(secrets, loaded.secrets).map(({ path, message }) =>
    loaded.problemAt(path, message),
  )
  return { ...loaded, warnings: [...loaded.warnings, ...warnings] }
}

function ofTheWhole(file: string, message: string): Problem {
  return { file, line: 1, column: 1, path: '', message }
}
