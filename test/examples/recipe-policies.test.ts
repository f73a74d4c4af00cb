import { beforeAll, describe, expect, it } from 'vitest'
import { startHostileStore } from '../support/hostile-store/hostile-store.ts'
import { actionsOf, byText, type Tour, tour, USES, type Use } from './credential-tour.ts'
import {
  loadRecipe,
  POLICY_FILES,
  type PolicyStatement,
  placementOf,
  policyFile,
  policyNotes,
  RECIPES,
  recipeSays,
  recipeText,
  statementsOf,
} from './recipe-fixture.ts'
import { B2, GARAGE, GCS, SEAWEEDFS, type Vocabulary } from './store-operations.ts'

let shown: Tour
beforeAll(async () => {
  await using store = await startHostileStore()
  const { main, write, read } = store.credentials
  shown = await tour({
    endpoint: store.endpoint,
    region: 'us-east-1',
    provider: 'generic',
    bucket: 'media-prod',
    credentials: { write, read, manage: main },
  })
})

/** Actions by resource: the objects' and the bucket's own. */
function granted(statements: readonly PolicyStatement[]): Record<'objects' | 'bucket', string[]> {
  const of = (isObjects: boolean) =>
    statements
      .filter(({ Resource }) => Resource.every((each) => each.endsWith('/*') === isObjects))
      .flatMap(({ Action }) => Action)
      .sort(byText)
  return { objects: of(true), bucket: of(false) }
}

/** What a key pair needs, by resource. */
function needed(use: Use, without: RegExp = /^$/): ReturnType<typeof granted> {
  const actions = actionsOf(shown.allowed[use]).filter((action) => !without.test(action))
  const isOfBucket = (action: string) => /Bucket/.test(action)
  return {
    objects: actions.filter((action) => !isOfBucket(action)),
    bucket: actions.filter(isOfBucket),
  }
}

const words = (vocabulary: Vocabulary, use: Use) =>
  [...new Set([...shown.allowed[use]].flatMap((operation) => wordsOf(vocabulary, operation)))].sort(
    byText,
  )

function wordsOf(vocabulary: Vocabulary, operation: keyof Vocabulary): readonly string[] {
  const found = vocabulary[operation]
  if (found === undefined) throw new Error(`nothing is known of ${operation}`)
  return found ?? []
}

/** The text of a recipe's commands, one a line. */
const commandsOf = (...asked: Parameters<typeof recipeSays>) =>
  recipeSays(...asked)
    .join('\n')
    .replaceAll(/ *\\\n */g, ' ')
    .split('\n')

describe('what the gateway does by each key pair', () => {
  it('is all that callers and operators can ask for, and it works', () => {
    expect(shown.answers).toEqual({
      put: 201,
      'put at the store': 200,
      'put completed': 200,
      form: 201,
      'form at the store': 201,
      'form completed': 200,
      parts: 201,
      'part at the store': 200,
      'parts completed': 200,
      'given up': 201,
      'parts aborted': 204,
      download: 200,
      'download at the store': 200,
      head: 200,
      list: 200,
      delete: 204,
      'head of nothing': 404,
      CORS: 200,
      'CORS once more': 200,
    })
  })

  it('is to write by one, to read by another, and the rest by the third', () => {
    expect(
      Object.fromEntries(USES.map((use) => [use, [...shown.allowed[use]].sort(byText)])),
    ).toEqual({
      write: ['PostObject', 'PutObject', 'UploadPart'],
      read: ['GetObject', 'HeadObject'],
      manage: [
        'AbortMultipartUpload',
        'CompleteMultipartUpload',
        'CreateMultipartUpload',
        'DeleteObject',
        'GetBucketCors',
        'GetObjectAcl',
        'GetObjectTagging',
        'HeadBucket',
        'HeadObject',
        'ListMultipartUploads',
        'ListObjects',
        'ListParts',
        'PutBucketCors',
      ],
    })
  })
})

describe('the policies of the recipes', () => {
  it.each(USES)('allow a user of IAM what "%s" needs, and nothing more', (use) => {
    expect(granted(statementsOf(`iam-${use}.json`))).toEqual(needed(use))
  })

  it('allow a user of MinIO the same, but what its policies do not know', () => {
    const unknown = /Acl$|CORS$/
    expect(granted(statementsOf('minio-manage.json'))).toEqual(needed('manage', unknown))
  })

  it.each([
    [
      'ceph.json',
      ({ Principal }: PolicyStatement, use: Use) => `${Principal?.AWS}`.endsWith(`:${use}`),
    ],
    [
      'scaleway.json',
      ({ Principal }: PolicyStatement, use: Use) =>
        `${Principal?.SCW}`.includes(`:${{ write: 1, read: 2, manage: 3 }[use]}`),
    ],
  ] as const)('of a bucket allow each key pair its part and nothing more: %s', (file, isFor) => {
    for (const use of USES) {
      const own = statementsOf(file).filter((statement) => isFor(statement, use))
      expect(own.every(({ Effect }) => Effect === 'Allow')).toBe(true)
      expect(granted(own)).toEqual(needed(use))
    }
  })

  it('deny all else by name where an Allow takes nothing away: hetzner.json', () => {
    const statements = statementsOf('hetzner.json')
    const all = new Set(statements.flatMap(({ Action }) => Action))
    for (const [at, use] of USES.entries()) {
      const { Effect, Action, Principal } = statements[at] ?? {}
      expect([Effect, `${Principal?.AWS}`.toLowerCase()]).toEqual([
        'Deny',
        `arn:aws:iam:::user/p1234567:${use}key`,
      ])
      const denied = new Set(Action)
      expect([...all].filter((action) => !denied.has(action)).sort(byText)).toEqual(
        actionsOf(shown.allowed[use]),
      )
    }
    for (const worst of [
      's3:PutBucketPolicy',
      's3:DeleteBucket',
      's3:PutObjectAcl',
      's3:PutBucketAcl',
    ]) {
      expect(statements.every(({ Action }) => Action.includes(worst))).toBe(true)
    }
  })

  it('name the bucket of the recipes, and none of them a wildcard', async () => {
    for (const file of ['iam-write', 'iam-read', 'iam-manage', 'minio-manage', 'ceph', 'hetzner']) {
      for (const { Sid, Action, Resource } of statementsOf(`${file}.json`)) {
        if (Sid !== 'Yourself') expect(Action.join()).not.toContain('*')
        for (const each of Resource) expect(each).toMatch(/^arn:aws:s3:::media-prod(?:\/\*)?$/)
      }
    }
    for (const name of RECIPES) {
      expect(placementOf((await loadRecipe(name)).config).bucket).toBe('media-prod')
    }
  })

  it('are all named by a recipe, and nothing that a recipe names is missing', () => {
    const all = RECIPES.map((name) => recipeText(name)).join('\n')
    const named = [...all.matchAll(/policies\/([a-z0-9$-]+\.json)/g)].flatMap(([, file = '']) =>
      file.includes('$use') ? USES.map((use) => file.replace('$use', use)) : [file],
    )
    expect([...new Set(named)].sort(byText)).toEqual(POLICY_FILES)
  })
})

describe('the list of what else a bucket may want', () => {
  const rows = policyNotes()
    .split('\n')
    .filter((line) => line.startsWith('|') && line.split('|').length === 6)
    .map((line) => line.split('|').map((cell) => cell.trim()))
  const actionsIn = (cell = '') => [...cell.matchAll(/s3:\w+/g)].map(([action]) => action)
  const usesIn = (cell = '') => USES.filter((use) => cell.includes(use))
  const has = (use: Use, action: string) =>
    statementsOf(`iam-${use}.json`).some(({ Action }) => Action.includes(action))

  it('adds what the policies have not, and takes out what they have', () => {
    expect(rows.length).toBeGreaterThan(5)
    for (const [, , pairs, added, removed] of rows) {
      for (const use of usesIn(pairs)) {
        expect(actionsIn(added).filter((action) => has(use, action))).toEqual([])
        expect(actionsIn(removed).filter((action) => !has(use, action))).toEqual([])
      }
    }
  })
})

describe('the commands of the recipes', () => {
  it('give roles of Google what each key pair needs, and nothing more', () => {
    const roles = commandsOf('gcs').flatMap((line) => {
      const [, role = '', permissions = ''] =
        /roles create (\w+) .*--permissions=(\S+)/.exec(line) ?? []
      return role === '' ? [] : [[role, permissions.split(',').sort(byText)]]
    })
    expect(Object.fromEntries(roles)).toEqual({
      signetWrite: words(GCS, 'write'),
      signetRead: words(GCS, 'read'),
      signetManage: words(GCS, 'manage'),
    })
  })

  it('give keys of Backblaze what each needs, and the names of buckets that it wants on all', () => {
    const keys = commandsOf('b2').flatMap((line) => {
      const [, use = '', allowed = ''] = /key create .*signet-(\w+) (\S+)/.exec(line) ?? []
      return use === '' ? [] : [[use, allowed.split(',').sort(byText)]]
    })
    const everywhere = 'listAllBucketNames'
    expect(Object.fromEntries(keys)).toEqual(
      Object.fromEntries(USES.map((use) => [use, [everywhere, ...words(B2, use)].sort(byText)])),
    )
  })

  it('give keys of Garage what each needs, and nothing more', () => {
    const keys = commandsOf('garage').flatMap((line) => {
      const [, use = '', flags = ''] =
        /^ *garage bucket allow .*--key signet-(\w+) (.*)$/.exec(line) ?? []
      return use === '' ? [] : [[use, flags.replaceAll('--', '').split(' ').sort(byText)]]
    })
    expect(Object.fromEntries(keys)).toEqual(
      Object.fromEntries(USES.map((use) => [use, words(GARAGE, use)])),
    )
  })

  it('give identities of SeaweedFS what each needs, in the file as in the shell', () => {
    const inShell = commandsOf('seaweedfs').flatMap((line) => {
      const [, use = '', actions = ''] =
        /s3\.configure -user signet-(\w+) .*-actions (\S+)/.exec(line) ?? []
      return use === '' ? [] : [[use, actions.split(',').sort(byText)]]
    })
    const { identities } = policyFile('seaweedfs.json') as {
      identities: { name: string; actions: string[] }[]
    }
    const inFile = identities.map(({ name, actions }) => [
      name.replace('signet-', ''),
      actions.map((action) => action.replace(/:media-prod$/, '')).sort(byText),
    ])
    const wanted = Object.fromEntries(USES.map((use) => [use, words(SEAWEEDFS, use)]))
    expect(Object.fromEntries(inShell)).toEqual(wanted)
    expect(Object.fromEntries(inFile)).toEqual(wanted)
    expect(
      identities.flatMap(({ actions }) => actions).every((each) => each.endsWith(':media-prod')),
    ).toBe(true)
  })
})
