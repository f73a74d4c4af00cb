import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Secret } from '../../src/secret.ts'
import { type ListeningGateway, openListeningGateway } from '../http/listening-gateway.ts'
import { runCommand } from '../support/run-command.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { adminConfig, askGateway } from './ask-gateway.ts'

/** Cells of a table's lines. */
const cells = (text: string) => text.split('\n').map((line) => line.trim().split(/ {2,}/))

const FILES = {
  'gold.yaml': `
rates: []
quotas:
  - { policy: gold-bytes, per: user, unit: bytes, limit: 1000, window: day }
`,
  'initech.json': '{ "plan": "gold", "timeZone": "Europe/Berlin" }',
  'hooli.yaml': 'plan: test',
  'empty.yaml': '',
  'wrong.yaml': 'plan: nobody\nsuspended: maybe\n',
  'rules.yaml': '[{ operations: [download], buckets: [media], prefix: "{tenant}/{user}/" }]',
  'broken.yaml': 'plan: [',
}

const ENDS = '2027-01-01T00:00:00Z'
/** The hour in which the tests' clock stands. */
const LAST_USED = '2026-01-15T12:00:00Z'

let gateway: ListeningGateway
/** Status of a request with an API key. */
async function statusWith(key: string): Promise<number> {
  const answer = await gateway.call('GET', '/v1/usage', undefined, {
    headers: { authorization: `Bearer ${key}` },
  })
  return answer.status
}
const signet = (...args: string[]) => askGateway(args, gateway.adminPort, FILES)
beforeAll(async () => {
  gateway = await openListeningGateway()
})
afterAll(() => gateway.close())

describe('signet plans, tenants and users', () => {
  it('make, show, change and remove what a gateway serves at once, by version', async () => {
    const plan = await signet('plans', 'put', 'gold', 'gold.yaml', '--new')
    expect(plan).toEqual({ code: 0, stdout: 'gold is now "v1"\n', stderr: '' })
    const tenant = await signet('tenants', 'put', 'initech', 'initech.json')
    expect(tenant).toEqual({ code: 0, stdout: 'initech is now "v1"\n', stderr: '' })
    const user = await signet('users', 'put', 'initech', 'peter gibbons', 'empty.yaml')
    expect(user).toEqual({ code: 0, stdout: 'initech peter gibbons is now "v1"\n', stderr: '' })
    expect(gateway.context.config.tenants.get('initech')?.users.has('peter gibbons')).toBe(true)

    const shown = await signet('tenants', 'get', 'initech')
    expect(shown.stdout).toMatch(/^# "v1"\nid: initech\n/)
    expect(shown.stdout).toContain('timeZone: Europe/Berlin\n')
    const changed = await signet(
      'tenants',
      'set',
      'initech',
      'suspended=true',
      '--if-match',
      '"v1"',
    )
    expect(changed.stdout).toBe('initech is now "v2"\n')
    const late = await signet('tenants', 'set', 'initech', 'suspended=null', '--if-match', '"v1"')
    expect([late.code, late.stdout]).toEqual([1, ''])
    expect(late.stderr).toContain(' answers 412 PreconditionFailed: ')
    const { stdout } = await signet('tenants', 'set', 'initech', 'userPlans=[gold]', '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      id: 'initech',
      suspended: true,
      userPlans: ['gold'],
    })

    const busy = await signet('plans', 'delete', 'gold')
    expect([busy.code, busy.stdout]).toEqual([1, ''])
    expect(busy.stderr).toContain(' answers 409 DeleteConflict: ')
    const gone = await signet('users', 'delete', 'initech', 'peter gibbons', '--if-match', '"v1"')
    expect(gone.stdout).toBe('initech peter gibbons: the user is removed\n')
    const removed = await signet('tenants', 'delete', 'initech', '--json')
    expect(removed).toEqual({ code: 0, stdout: '{}\n', stderr: '' })
    expect((await signet('plans', 'delete', 'gold')).code).toBe(0)
    expect((await signet('tenants', 'get', 'initech')).stderr).toContain(
      ' answers 404 NoSuchEntity',
    )
  })

  it('list, filtered, page after page, and say when there is more', async () => {
    const tenants = await signet('tenants', 'list')
    expect(cells(tenants.stdout).slice(0, 2)).toEqual([
      ['tenant', 'plan', 'users', 'keys', 'source', 'state'],
      ['acme', 'test', '2', '2', 'configuration', 'active'],
    ])
    const users = await signet('users', 'list', 'acme', '--limit', '1')
    expect(cells(users.stdout).slice(1)).toEqual([
      ['alice', 'test', '-', 'configuration', 'active'],
      [''],
    ])
    expect([users.code, users.stderr]).toEqual([0, 'There is more: --limit 1 was reached\n'])
    const paged = await runCommand(['users', 'list', 'acme', '--json'], {
      env: { SIGNET_ADMIN_TOKEN: TEST_ADMIN_TOKEN },
      files: { 'config/signet.yaml': adminConfig(`127.0.0.1:${gateway.adminPort}`) },
      fetch: (url, init) => fetch(url.replace('limit=1000', 'limit=1'), init),
    })
    const ids = JSON.parse(paged.stdout).users.map(({ id }: { id: string }) => id)
    expect([ids, paged.stderr]).toEqual([['alice', 'bob'], ''])
    const none = await signet('users', 'list', 'acme', '--suspended', 'true')
    expect(none).toEqual({ code: 0, stdout: 'No users\n', stderr: '' })
    const { stdout } = await signet('plans', 'list', '--source', 'configuration', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ plans: [{ name: 'test' }] })
  })

  it('1: of the configuration file, which wins, and what is wrong with each setting', async () => {
    const fixed = await signet('tenants', 'set', 'acme', 'suspended=true')
    expect([fixed.code, fixed.stderr]).toEqual([
      1,
      expect.stringContaining(' answers 409 UnmodifiableEntity: '),
    ])
    const wrong = await signet('tenants', 'put', 'other', 'wrong.yaml')
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      expect.stringMatching(/answers 400 InvalidRequest: .*\n {2}suspended: must be .*\n/),
    ])
    const missing = await signet('tenants', 'put', 'other', 'nowhere.yaml')
    expect(missing).toEqual({ code: 1, stdout: '', stderr: 'Cannot read nowhere.yaml\n' })
  })

  it.each([
    ['a name that is missing', ['users', 'get', 'acme'], 'USER is missing'],
    ['a name that would be another path', ['users', 'delete', 'acme', '..'], 'named ".."'],
    ['no setting', ['tenants', 'set', 'acme'], 'one NAME=VALUE at least'],
    ['a setting without a value', ['tenants', 'set', 'acme', 'plan'], '"plan" is not NAME=VALUE'],
    ['a setting twice', ['tenants', 'set', 'acme', 'plan=a', 'plan=b'], '"plan" comes twice'],
    ['a value that is no YAML', ['tenants', 'set', 'acme', 'plan=['], 'Cannot read "plan": '],
    ['a file that is no YAML', ['tenants', 'put', 'x', 'broken.yaml'], 'Cannot read broken.yaml: '],
    [
      'new and a version',
      ['plans', 'put', 'x', 'gold.yaml', '--new', '--if-match', '*'],
      'together',
    ],
    ['a limit that is none', ['plans', 'list', '--limit', '0'], 'from 1 to 100000'],
    ['a limit above all', ['plans', 'list', '--limit', '100001'], 'from 1 to 100000'],
    ['more than it takes', ['plans', 'get', 'a', 'b'], 'Unexpected argument "b"'],
  ])('2: %s, with what to type', async (_, args, why) => {
    const { code, stdout, stderr } = await signet(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(why)
    expect(stderr).toContain(`Usage: signet ${args.slice(0, 2).join(' ')} `)
  })
})

describe('signet keys', () => {
  it('make a key whose secret is shown once, rotate it, and revoke it for good', async () => {
    const rules = ['--label', 'for tests', '--expires-at', '2027-01-01T00:00:00Z']
    const issued = await signet(
      'keys',
      'issue',
      'acme',
      'alice',
      'rules.yaml',
      '--id',
      'k9',
      ...rules,
    )
    const [, secret = ''] = /\n {2}(signet_k9_\S+)\n$/.exec(issued.stdout) ?? []
    expect(issued).toMatchObject({ code: 0, stderr: '' })
    expect(await statusWith(secret)).toBe(200)
    const shown = await signet('keys', 'get', 'acme', 'k9')
    expect(shown.stdout).toMatch(/^# "v1"\nid: k9\n/)
    expect(shown.stdout).not.toContain(secret.slice(10, 40))
    const changed = await signet('keys', 'set', 'acme', 'k9', 'label=null', '--if-match', '"v1"')
    expect(changed.stdout).toBe('acme k9 is now "v2"\n')
    const overlap = ['--overlap-seconds', '0', '--if-match', '"v2"']
    const rotated = await signet('keys', 'rotate', 'acme', 'k9', ...overlap, '--json')
    const { secret: next } = JSON.parse(rotated.stdout)
    expect([await statusWith(secret), await statusWith(next)]).toEqual([401, 200])
    const list = await signet('keys', 'list', '--tenant', 'acme', '--user', 'alice')
    expect(cells(list.stdout).slice(0, -1)).toEqual([
      ['key', 'tenant', 'user', 'status', 'label', 'ends', 'last used', 'pepper', 'source'],
      ['acmealice', 'acme', 'alice', 'active', '-', '-', '-', 'current', 'configuration'],
      ['k9', 'acme', 'alice', 'active', '-', ENDS, LAST_USED, 'current', 'admin'],
    ])
    const { live } = gateway.context
    const { file: config, secrets } = live
    const pepper = {
      current: { version: 2, secret: new Secret('another pepper, 0123456789abcdef') },
    }
    live.replaceFile({ config, secrets: { ...secrets, pepper } })
    const gone = await signet('keys', 'list', '--pepper', 'gone')
    expect(gone.stdout).toMatch(/^ *k9 .* gone +admin$/m)
    live.replaceFile({ config, secrets })
    const revoked = await signet('keys', 'revoke', 'acme', 'k9')
    expect(revoked.stdout).toMatch(/^acme k9: the key is revoked/)
    expect(await statusWith(next)).toBe(401)
  })

  it('1: wider than its tenant, of the configuration file, and rules that are none', async () => {
    const fixed = await signet('keys', 'revoke', 'acme', 'acmealice')
    expect([fixed.code, fixed.stderr]).toEqual([1, expect.stringContaining('UnmodifiableEntity')])
    const wrong = await signet('keys', 'issue', 'acme', 'alice', 'empty.yaml')
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('  allow: ')])
    const lost = await signet('keys', 'issue', 'acme', 'alice', 'nowhere.yaml')
    expect([lost.code, lost.stderr]).toEqual([1, 'Cannot read nowhere.yaml\n'])
    const overlap = await signet('keys', 'rotate', 'acme', 'k9', '--overlap-seconds', 'long')
    expect([overlap.code, overlap.stderr]).toEqual([2, expect.stringContaining('a whole number')])
  })
})

describe('a gateway that gives no answer', () => {
  it('1: may have made a change, and says so of nothing else', async () => {
    const [change, look] = await Promise.all([
      askGateway(['keys', 'revoke', 'acme', 'k9'], 9),
      askGateway(['keys', 'get', 'acme', 'k9'], 9),
    ])
    expect([change.code, look.code]).toEqual([1, 1])
    expect(change.stderr).toContain('The change may have been made')
    expect(look.stderr).not.toContain('made')
  })
})

describe('signet audit', () => {
  it('shows who did what, newest first, of one tenant or event', async () => {
    await signet('tenants', 'put', 'hooli', 'hooli.yaml')
    await gateway.call('GET', '/v1/objects/media?prefix=globex/')
    const all = await signet('audit', '--tenant', 'acme', '--event', 'request.refused')
    expect([all.code, all.stderr]).toEqual([0, ''])
    expect(cells(all.stdout).slice(0, -1)).toEqual([
      [
        expect.stringMatching(/^2026-/),
        'request.refused',
        'acme/alice',
        'key acmealice, AccessDenied',
      ],
    ])
    const { stdout } = await signet('audit', '--limit', '1', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ events: [{ event: expect.any(String) }] })
    const changes = await signet('audit', '--event', 'admin.changed')
    expect(changes.stdout).toContain('token  putTenant, tenants/hooli')
    const [{ requestId }] = JSON.parse(stdout).events
    const one = await signet('audit', '--request-id', requestId, '--json')
    expect(JSON.parse(one.stdout)).toEqual(JSON.parse(stdout))
    const others = await signet('audit', '--grant-hash', '0123456789abcdef')
    expect(others.stdout).toBe('Nothing\n')
    const none = await signet('audit', '--until', '2020-01-01T00:00:00Z')
    expect(none).toEqual({ code: 0, stdout: 'Nothing\n', stderr: '' })
  })

  it('takes a day for a time, from its beginning in UTC', async () => {
    await gateway.call('GET', '/v1/objects/media?prefix=globex/')
    const lines = async (...args: string[]) => (await signet('audit', ...args)).stdout
    // The tests' clock stands at noon.
    expect(await lines('--since', '2026-01-15', '--until', '2026-01-16')).toContain('acme/alice')
    expect(await lines('--until', '2026-01-15')).toBe('Nothing\n')
    expect(await lines('--since', '2026-01-16')).toBe('Nothing\n')
    const wrong = await signet('audit', '--since', '2026-13-45')
    expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('since')])
  })
})
