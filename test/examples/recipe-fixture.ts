import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../src/config/config.ts'
import { type LoadedConfig, loadConfig } from '../../src/config/load-config.ts'
import type { Placement } from '../../src/stores/store.ts'
import { sources } from '../config/config-fixture.ts'

const FOLDER = join(import.meta.dirname, '../../config/examples')

/** Stores that a recipe is promised for: each has a file of its name. */
export const RECIPES = [
  'aws',
  'b2',
  'ceph',
  'garage',
  'gcs',
  'hetzner',
  'minio',
  'ovh',
  'r2',
  'scaleway',
  'seaweedfs',
  'wasabi',
] as const

export type RecipeName = (typeof RECIPES)[number]

/** The environment of a recipe, and nothing else may be needed. */
export const RECIPE_ENV = {
  SIGNET_PEPPER: 'pepper-of-the-recipe-0123456789abcd',
  SIGNET_TICKET_KEY: 'ticket-of-the-recipe-0123456789abcd',
  SIGNET_ADMIN_TOKEN: 'admin-of-the-recipe-0123456789abcde',
  STORE_WRITE_KEY_ID: 'WRITE',
  STORE_WRITE_SECRET: 'write-secret',
  STORE_READ_KEY_ID: 'READ',
  STORE_READ_SECRET: 'read-secret',
  STORE_MANAGE_KEY_ID: 'MANAGE',
  STORE_MANAGE_SECRET: 'manage-secret',
  STORE_EVENT_SECRET: 'events-of-the-recipe-0123456789abcd',
  ALICE_KEY_HASH: `v1:${'A'.repeat(43)}`,
}

/** A recipe as it lies in the folder. */
export function recipeText(name: RecipeName): string {
  return readFileSync(join(FOLDER, `${name}.yaml`), 'utf8')
}

/** Loads a recipe, or a variant of its text, as `signet config check` does. */
export function loadRecipe(name: RecipeName, text = recipeText(name)): Promise<LoadedConfig> {
  return loadConfig(text, `config/examples/${name}.yaml`, sources({ env: RECIPE_ENV }))
}

/** What a recipe says before its settings, line by line without `#`. */
export function recipeSays(name: RecipeName): readonly string[] {
  const [head = ''] = recipeText(name).split('\n\n')
  return head.split('\n').map((line) => line.replace(/^# ?/, ''))
}

/** The one placement of a recipe's one bucket. */
export function placementOf(config: Config): Placement {
  const [placement] = config.buckets.get('media')?.placements ?? []
  if (placement === undefined) throw new Error('no placement')
  return placement
}

/** One statement of a policy; members that a vendor adds are none of ours. */
export interface PolicyStatement {
  readonly Sid: string
  readonly Effect: 'Allow' | 'Deny'
  readonly Principal?: Readonly<Record<string, readonly string[]>>
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
}

/** Names of the files beside the recipes that hold policies, identities and rules. */
export const POLICY_FILES: readonly string[] = globSync('*.json', {
  cwd: join(FOLDER, 'policies'),
}).sort()

/** A file beside the recipes, read as JSON. */
export function policyFile(name: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, 'policies', name), 'utf8'))
}

/** What is told of those files. */
export function policyNotes(): string {
  return readFileSync(join(FOLDER, 'policies', 'README.md'), 'utf8')
}

/** Statements of a policy beside the recipes. */
export function statementsOf(name: string): readonly PolicyStatement[] {
  return (policyFile(name) as { Statement: readonly PolicyStatement[] }).Statement
}
