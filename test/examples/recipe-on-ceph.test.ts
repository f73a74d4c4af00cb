import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { AwsClient } from 'aws4fetch'
import { beforeAll, expect, it } from 'vitest'
import { CEPH } from '../gateway/probe-tables.ts'
import type { StoreCredential } from '../support/stores/store-script.ts'
import { describeOnCeph, type SharedCeph } from '../support/stores/stores-under-test.ts'
import {
  actionsOf,
  callersOn,
  type Tour,
  type TouredStore,
  tour,
  USES,
  type Use,
} from './credential-tour.ts'
import { policyFile, recipeSays, statementsOf } from './recipe-fixture.ts'

const BUCKET = 'media-prod'
const run = promisify(execFile)

interface RadosUser {
  readonly keys: readonly { user: string; access_key: string; secret_key: string }[]
}

describeOnCeph('the recipe for Ceph, on Ceph', (ceph) => {
  let store: TouredStore
  let owner: StoreCredential
  let shown: Tour

  beforeAll(async () => {
    owner = keyOf((await carryOut(ceph, /--uid=signet-owner /)).keys, 'signet-owner')
    const { keys } = await carryOut(ceph, /--uid=signet /)
    const policy = JSON.stringify(policyFile('ceph.json'))
    for (const [path, body] of [
      [BUCKET, undefined],
      [`${BUCKET}?policy`, policy],
    ] as const) {
      const answer = await signed(ceph, owner, 'PUT', path, body)
      expect([path, answer.ok]).toEqual([path, true])
    }
    store = {
      endpoint: ceph.endpoint,
      region: 'default',
      provider: 'ceph',
      bucket: BUCKET,
      credentials: {
        write: keyOf(keys, 'signet:write'),
        read: keyOf(keys, 'signet:read'),
        manage: keyOf(keys, 'signet:manage'),
      },
    }
    shown = await tour(store)
  })

  it('lets callers and operators do everything', () => {
    const refused = Object.entries(shown.answers).filter(([, status]) => status >= 400)
    expect(refused).toEqual([['head of nothing', 404]])
  })

  it('lets the probe see all that it sees with every right, and leave nothing', () => {
    const { report } = shown
    expect([report.complete, report.leftovers]).toEqual([true, []])
    // With a key pair that cannot read nobody can tell whether the hole is there, and it does no harm.
    const { unsignedCopySource: _, ...seen } = CEPH.capabilities
    expect(report.capabilities).toEqual({ ...seen, writeCredentialReads: 'no' })
  })

  it.each(USES)('allows "%s" nothing that the gateway does not do by it', (use) => {
    const granted = statementsOf('ceph.json')
      .filter(({ Principal }) => `${Principal?.AWS}`.endsWith(`:${use}`))
      .flatMap(({ Action }) => Action)
    expect(new Set(actionsOf(shown.allowed[use]))).toEqual(new Set(granted))
  })

  it.each(USES)('refuses "%s" all else', async (use) => {
    await expectRefused(ceph, { store, owner, use })
  })
})

describeOnCeph('the policy for Hetzner, whose store is a fork of Ceph, on Ceph', (ceph) => {
  const bucket = 'media-of-a-project'
  let store: TouredStore
  let owner: StoreCredential

  // There every key pair is a subuser of the project, and may do everything.
  beforeAll(async () => {
    owner = keyOf(
      (await admin(ceph, 'user create --uid=p1234567 --display-name=p')).keys,
      'p1234567',
    )
    for (const use of USES) {
      const name = `--subuser=p1234567:${use.toUpperCase()}KEY`
      const made = `subuser create --uid=p1234567 ${name} --access=full --key-type=s3 --gen-secret`
      await admin(ceph, `${made} --gen-access-key`)
    }
    const { keys } = await admin(ceph, 'user info --uid=p1234567')
    const of = (use: Use) => keyOf(keys, `p1234567:${use.toUpperCase()}KEY`)
    store = {
      endpoint: ceph.endpoint,
      region: 'fsn1',
      provider: 'ceph',
      bucket,
      credentials: { write: of('write'), read: of('read'), manage: of('manage') },
    }
    const policy = JSON.stringify(policyFile('hetzner.json')).replaceAll(BUCKET, bucket)
    expect((await signed(ceph, owner, 'PUT', bucket)).status).toBe(200)
    expect((await signed(ceph, owner, 'PUT', `${bucket}?policy`, policy)).status).toBe(204)
  })

  it('leaves each key pair its part', async () => {
    const known = { ...CEPH.capabilities, writeCredentialReads: 'no' } as const
    const refused = Object.entries(await callersOn(store, known)).filter(([, got]) => got >= 400)
    expect(refused).toEqual([['head of nothing', 404]])
  })

  it.each(USES)('denies "%s" all else in the bucket', async (use) => {
    // Ceph 16 asks no policy who may end notifications, nor who may make a bucket.
    await expectRefused(ceph, { store, owner, use, but: /notification$|^another/ })
  })
})

async function expectRefused(
  ceph: SharedCeph,
  {
    store: { bucket, credentials },
    owner,
    use,
    but = /^$/,
  }: { store: TouredStore; owner: StoreCredential; use: Use; but?: RegExp },
): Promise<void> {
  const key = `${use}-else`
  const own = `${bucket}/${key}`
  expect((await signed(ceph, owner, 'PUT', own, 'theirs')).status).toBe(200)
  const answers: [string, number][] = []
  for (const [method, path] of attempts(bucket, key, use)) {
    if (but.test(path)) continue
    const body = method === 'PUT' || method === 'POST' ? '' : undefined
    const { status } = await signed(ceph, credentials[use], method, path, body)
    answers.push([`${method} ${path}`, status])
  }
  expect(answers.length).toBeGreaterThan(10)
  expect(answers.filter(([, status]) => status !== 403)).toEqual([])
  expect(await (await signed(ceph, owner, 'GET', own)).text()).toBe('theirs')
}

/** What each key pair has no part in. */
function attempts(bucket: string, key: string, use: Use): readonly (readonly [string, string])[] {
  const object = `${bucket}/${key}`
  const nobodys = [
    ['PUT', `${object}?acl`],
    ['PUT', `${bucket}?acl`],
    ['PUT', `${bucket}?policy`],
    ['GET', `${bucket}?policy`],
    ['DELETE', `${bucket}?policy`],
    ['GET', `${bucket}?versioning`],
    ['PUT', `${bucket}?versioning`],
    ['PUT', `${bucket}?tagging`],
    ['PUT', `${bucket}?requestPayment`],
    ['DELETE', `${bucket}?notification`],
    ['PUT', `${bucket}?lifecycle`],
    ['GET', `${bucket}?versions`],
    ['DELETE', bucket],
    ['PUT', `another-${key}`],
  ] as const
  const reading = [
    ['GET', object],
    ['HEAD', object],
  ] as const
  const managing = [
    ['DELETE', object],
    ['GET', `${object}?acl`],
    ['GET', `${bucket}?list-type=2`],
    ['GET', `${bucket}?uploads`],
    ['GET', `${bucket}?cors`],
    ['PUT', `${bucket}?cors`],
  ] as const
  switch (use) {
    case 'write':
      return [...nobodys, ...reading, ...managing]
    case 'read':
      return [...nobodys, ...managing, ['PUT', object], ['POST', `${object}?uploads`]]
    case 'manage':
      return nobodys
  }
}

/** Carries out the recipe's own commands, and answers what the last one printed. */
async function carryOut(ceph: SharedCeph, which: RegExp): Promise<RadosUser> {
  const commands = recipeSays('ceph')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('radosgw-admin ') && which.test(line))
  let printed: RadosUser = { keys: [] }
  for (const command of commands) {
    printed = await admin(ceph, command.replace('radosgw-admin ', ''))
  }
  return printed
}

async function admin({ configFile }: SharedCeph, args: string): Promise<RadosUser> {
  const here = ['-c', configFile, '-n', 'client.rgw', '--log-file=/dev/null']
  const { stdout } = await run('radosgw-admin', [...here, ...args.split(' ')])
  return JSON.parse(stdout) as RadosUser
}

function keyOf(keys: RadosUser['keys'], user: string): StoreCredential {
  const found = keys.find((each) => each.user === user)
  if (found === undefined) throw new Error(`no key pair of ${user}`)
  return { accessKeyId: found.access_key, secretAccessKey: found.secret_key }
}

function signed(
  { endpoint, region }: SharedCeph,
  credential: StoreCredential,
  method: string,
  path: string,
  body?: string,
): Promise<Response> {
  const client = new AwsClient({ ...credential, service: 's3', region, retries: 0 })
  return client.fetch(`${endpoint}/${path}`, { method, ...(body !== undefined && { body }) })
}
