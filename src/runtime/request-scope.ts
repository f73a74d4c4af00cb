import type { ExecutionContext } from 'cloudflare:workers'
import { AsyncLocalStorage } from 'node:async_hooks'
import type { AppContext } from '../http/app-context.ts'

/** What belongs to one request, alarm or cron run: nothing of it may be used by another one. */
export interface Scope {
  readonly life: ExecutionContext
  /** What is had of it already, by what it was made by. */
  readonly own: Map<object, unknown>
  /** What is closed when all of its work is done, last opened first. */
  readonly closing: AsyncDisposableStack
  /** The context of this one; absent while it is being made. */
  context?: AppContext
}

const scopes = new AsyncLocalStorage<Scope>()

/** Runs work, and all that it starts, in a scope of its own. */
export function inScope<Result>(scope: Scope, work: () => Result): Result {
  return scopes.run(scope, work)
}

/** The scope of the request under way. Throws outside of any. */
export function currentScope(): Scope {
  const scope = scopes.getStore()
  if (scope === undefined) throw new Error('Cannot do this outside of a request')
  return scope
}

/**
 * Lets work go on to its end although its request has been answered, or its client is gone: whoever shares
 * its result, or its turn, would wait for ever else.
 */
export function keptAlive<Value>(work: Promise<Value>): Promise<Value> {
  scopes.getStore()?.life.waitUntil(work.catch(() => {}))
  return work
}

/** One of these for each scope, made when it is first asked for. */
export function perScope<Value extends object>(make: (scope: Scope) => Value): () => Value {
  return () => {
    const scope = currentScope()
    const known = scope.own.get(make)
    if (known !== undefined) return known as Value
    const made = make(scope)
    scope.own.set(make, made)
    return made
  }
}

/** An object that is, in each scope, the one which belongs there. */
export function scoped<Value extends object>(current: () => Value): Value {
  return new Proxy({} as Value, {
    get: (_, name) => Reflect.get(current(), name),
    has: (_, name) => Reflect.has(current(), name),
  })
}
