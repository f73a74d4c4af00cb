import type { Result, Router } from 'hono/router'
import { TrieRouter } from 'hono/router/trie-router'

/**
 * Finds what Hono's `TrieRouter` finds, and remembers it for the methods and paths that routes name
 * as they are, without a parameter: those few take most requests, and always mean the same. Hono's
 * faster router takes no static path beside a parameter (`/v1/uploads/batch`, `/v1/uploads/:id`).
 */
export class StaticPathRouter<T> implements Router<T> {
  readonly name = 'StaticPathRouter'
  readonly #all = new TrieRouter<T>()
  /** By method and path; `undefined` until it is first asked for. */
  readonly #found = new Map<string, Result<T> | undefined>()

  add(method: string, path: string, handler: T): void {
    this.#all.add(method, path, handler)
    if (!/[:*]/.test(path)) this.#found.set(`${method} ${path}`, undefined)
    for (const known of this.#found.keys()) this.#found.set(known, undefined)
  }

  match(method: string, path: string): Result<T> {
    const name = `${method} ${path}`
    const known = this.#found.get(name)
    if (known !== undefined) return known
    const found = this.#all.match(method, path)
    if (this.#found.has(name)) this.#found.set(name, found)
    return found
  }
}
