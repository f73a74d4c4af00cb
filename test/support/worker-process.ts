import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type WorkerModule, writeWorker } from '../../deploy/cloudflare/bundle-worker.ts'
import { type Child, startChild } from './gateway-process.ts'

/** A worker on plain workerd, in a process of its own. */
export interface WorkerProcess extends Child {
  /** URLs of its sockets, by the entry points that they lead to; `default` is the worker itself. */
  readonly urls: ReadonlyMap<string, string>
}

export interface WorkerOptions {
  /** Path of workerd. */
  readonly program: string
  /** An empty folder: the bundle and the objects' databases lie there. */
  readonly folder: string
  readonly modules: readonly WorkerModule[]
  /** Texts that it is given, by name. */
  readonly bindings?: Readonly<Record<string, string>>
  /** Classes of Durable Objects, by the names that they are bound to. Default none. */
  readonly objects?: Readonly<Record<string, string>>
  /** Queues by the names that they are bound to: URLs, which are sent what is sent to them. Default none. */
  readonly queues?: Readonly<Record<string, string>>
  /** Entry points that get a socket. Default: `default`. */
  readonly entrypoints?: readonly string[]
}

/** Starts a worker, and waits until it listens. Its own folder may be used again once it has ended. */
export async function startWorker(options: WorkerOptions): Promise<WorkerProcess> {
  const { program, folder, modules, entrypoints = ['default'] } = options
  await writeWorker(join(folder, 'bundle'), modules)
  await mkdir(join(folder, 'objects'), { recursive: true })
  await writeFile(join(folder, 'config.capnp'), configOf(options))
  const child = startChild({
    command: program,
    args: ['serve', 'config.capnp', '--control-fd=1'],
    cwd: folder,
  })
  const urls = new Map<string, string>()
  for (const name of entrypoints) {
    const listens = new RegExp(`"event":"listen","socket":"${name}","port":(\\d+)`)
    const [, port = ''] = await child.said(listens)
    urls.set(name, `http://127.0.0.1:${port}`)
  }
  return { ...child, urls }
}

function configOf(options: WorkerOptions): string {
  const { bindings = {}, objects = {}, queues = {}, entrypoints = ['default'] } = options
  const text = JSON.stringify
  const all = [
    ...Object.entries(bindings).map(
      ([name, value]) => `(name = ${text(name)}, text = ${text(value)})`,
    ),
    ...Object.entries(objects).map(
      ([name, className]) => `(name = ${text(name)}, durableObjectNamespace = ${text(className)})`,
    ),
    ...Object.keys(queues).map(
      (name) => `(name = ${text(name)}, queue = ${text(`queue-${name}`)})`,
    ),
  ]
  const sockets = entrypoints.map((name) => {
    const entrypoint = name === 'default' ? '' : `, entrypoint = ${text(name)}`
    return `(name = ${text(name)}, address = "127.0.0.1:0", http = (), service = (name = "worker"${entrypoint}))`
  })
  const externals = Object.entries(queues).map(
    ([name, url]) =>
      `(name = ${text(`queue-${name}`)}, external = (address = ${text(new URL(url).host)}, http = ()))`,
  )
  const classes = [...new Set(Object.values(objects))].map(
    (name) => `(className = ${text(name)}, uniqueKey = ${text(name)}, enableSql = true)`,
  )
  return `using Workerd = import "/workerd/workerd.capnp";
using Bundle = import "bundle/modules.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "objects", disk = (path = "objects", writable = true)),
    (name = "internet", network = (allow = ["public", "private", "local"])),
    ${externals.map((each) => `${each},`).join('\n    ')}
  ],
  sockets = [${sockets.join(', ')}],
);
const worker :Workerd.Worker = (
  modules = Bundle.modules,
  compatibilityDate = "2026-06-01",
  compatibilityFlags = ["nodejs_compat"],
  bindings = [${all.join(', ')}],
  durableObjectNamespaces = [${classes.join(', ')}],
  durableObjectStorage = (localDisk = "objects"),
);
`
}
