import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openRedisNode, type RedisNode } from './redis-node.ts'
import type { RedisTarget } from './resp-client.ts'
import { makeTlsCertificate } from './tls-certificate.ts'

/** How a test wants its Redis. All is off by default: no disk, no password, no TLS, no replication. */
export interface RedisServerOptions {
  /** `always` and `everysec` keep an append-only file with that fsync. Default `no`. */
  appendOnly?: 'no' | 'always' | 'everysec'
  /** The setting `save`, such as `3600 1`. Default: no snapshots. */
  save?: string
  /** Default `noeviction`, what Signet demands. */
  maxmemoryPolicy?: string
  /** `requirepass`, and `masterauth` as well; without `"` and `\\`. */
  password?: string
  /**
   * Lines of an ACL file, such as `user signet on >secret ~* +@all`. An administrator of our own is
   * added; the default user stays open unless a line says otherwise. Not together with `password`.
   */
  users?: readonly string[]
  /** The master, or a proxy before it. */
  replicaOf?: { port: number }
  /** The port speaks TLS, with a certificate of its own; clients need none. Default false. */
  tls?: boolean
  /** More lines of `redis.conf`, such as `cluster-enabled yes`; they win over those above. */
  settings?: readonly string[]
}

/** A data node of its own, or part of a topology. */
export interface RedisServer extends RedisNode {
  /** `redis://` or `rediss://`, with the password if there is one; ACL users are left to the test. */
  url: string
  /** PEM of the certificate that clients must trust; absent without TLS. */
  ca?: string
}

/**
 * Starts a redis-server on a free loopback port with an empty folder, as the ledger wants it unless
 * told otherwise. `DEBUG` is allowed, and a script counts as busy after 100 ms. Some 30 ms.
 */
export async function openRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const { password, users, tls = false } = options
  const administrator = { username: 'test-administrator', password: randomUUID() }
  let ca: string | undefined
  const node = await openRedisNode({
    async configure(port, directory) {
      const lines = settingsOf(options, directory)
      if (users !== undefined) {
        const { username, password: secret } = administrator
        const acl = [...users, `user ${username} on >${secret} ~* &* +@all`]
        await writeFile(join(directory, 'users.acl'), `${acl.join('\n')}\n`)
        lines.push(`aclfile ${join(directory, 'users.acl')}`)
      }
      if (!tls) return [`port ${port}`, ...lines, ...(options.settings ?? [])]
      const certificate = await makeTlsCertificate(directory)
      ca = certificate.ca
      return [
        'port 0',
        `tls-port ${port}`,
        `tls-cert-file ${certificate.certificatePath}`,
        `tls-key-file ${certificate.keyPath}`,
        `tls-ca-cert-file ${certificate.certificatePath}`,
        'tls-auth-clients no',
        ...lines,
        ...(options.settings ?? []),
      ]
    },
    target(port) {
      const target: RedisTarget = { port }
      if (ca !== undefined) target.ca = ca
      if (users !== undefined) target.credential = administrator
      else if (password !== undefined) target.credential = { password }
      return target
    },
  })
  const scheme = tls ? 'rediss' : 'redis'
  const login = password === undefined ? '' : `:${encodeURIComponent(password)}@`
  const url = `${scheme}://${login}127.0.0.1:${node.port}`
  return Object.defineProperties(
    { url, ...(ca === undefined ? {} : { ca }) },
    Object.getOwnPropertyDescriptors(node),
  ) as RedisServer
}

function settingsOf(options: RedisServerOptions, directory: string): string[] {
  const { appendOnly = 'no', save = '', password, replicaOf } = options
  return [
    'bind 127.0.0.1',
    `dir ${directory}`,
    save === '' ? 'save ""' : `save ${save}`,
    `maxmemory-policy ${options.maxmemoryPolicy ?? 'noeviction'}`,
    `appendonly ${appendOnly === 'no' ? 'no' : 'yes'}`,
    ...(appendOnly === 'no' ? [] : [`appendfsync ${appendOnly}`]),
    'enable-debug-command local',
    'busy-reply-threshold 100',
    'repl-diskless-sync-delay 0',
    ...(password === undefined ? [] : [`requirepass "${password}"`, `masterauth "${password}"`]),
    ...(replicaOf === undefined ? [] : [`replicaof 127.0.0.1 ${replicaOf.port}`]),
  ]
}
