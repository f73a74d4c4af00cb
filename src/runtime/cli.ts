#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { runCli } from '../cli/cli.ts'
import { initRedis } from './init-redis.ts'
import { nodeHashing } from './node-hashing.ts'

const packageFile = new URL('../../package.json', import.meta.url)

// Who reads may leave early, like `head`: nothing is lost that anybody waits for.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

runCli(process.argv.slice(2), {
  env: process.env,
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  readText: (path) => readFile(path, 'utf8'),
  writeText: (path, text) => writeFile(path, text),
  fetch: (url, init) => fetch(url, init),
  hashing: nodeHashing,
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
  initLedger: initRedis,
  version: JSON.parse(readFileSync(packageFile, 'utf8')).version,
}).then(
  (exitCode) => {
    process.exitCode = exitCode
  },
  (error: unknown) => {
    process.exitCode = 1
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  },
)
