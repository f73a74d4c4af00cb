import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { UsageError } from './cli-io.ts'

/**
 * `parseArgs` of Node in strict mode, with at most `maxPositionals` arguments that are no options.
 * Throws `UsageError` for whatever it does not know.
 */
export function parseArguments<const Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  { options, maxPositionals }: { readonly options: Options; readonly maxPositionals: number },
) {
  const parsed = parseOrThrow(args, options)
  const [extra] = parsed.positionals.slice(maxPositionals)
  if (extra !== undefined) throw new UsageError(`Unexpected argument "${extra}"`)
  return parsed
}

function parseOrThrow<const Options extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
  } catch (cause) {
    // Node's first sentence says what is wrong; the others explain how Node would have it.
    const [message = ''] = cause instanceof Error ? cause.message.split(/(?<=['"])\. /) : []
    throw new UsageError(message, { cause })
  }
}
