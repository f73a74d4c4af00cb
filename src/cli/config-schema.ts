import { configJsonSchemaText } from '../config/json-schema.ts'
import type { Command } from './cli-io.ts'
import { parseArguments } from './parse-arguments.ts'

/** Where the JSON Schema is kept in this repository. */
export const SCHEMA_FILE = 'config/signet.schema.json'

/** `signet config schema [--write]`. */
export const configSchemaCommand: Command = {
  name: 'config schema',
  usage: '[--write]',
  summary: 'print the JSON Schema of configuration files',
  help: `Editors check and explain a configuration by it.

  --write   write it to ${SCHEMA_FILE} instead
`,
  async run(args, io) {
    const { values } = parseArguments(args, {
      options: { write: { type: 'boolean' } },
      maxPositionals: 0,
    })
    const text = configJsonSchemaText()
    if (values.write === true) {
      await io.writeText(SCHEMA_FILE, text)
      io.stderr(`Wrote ${SCHEMA_FILE}\n`)
    } else {
      io.stdout(text)
    }
    return 0
  },
}
