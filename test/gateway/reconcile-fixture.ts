import { expect } from 'vitest'
import type { ReconcileView } from '../../src/http/reconcile-routes.ts'
import { postAdmin } from '../support/admin-call.ts'
import type { TestGateway } from '../support/test-gateway.ts'

/** Findings of all steps of a run, and how it ended. */
export interface ReconciledRun {
  readonly last: ReconcileView
  readonly findings: ReconcileView['findings']
  readonly steps: number
}

/** One step; throws unless it is 200. */
export async function reconcileStep(
  gateway: Pick<TestGateway, 'admin'>,
  body: Readonly<Record<string, unknown>> = {},
): Promise<ReconcileView> {
  const answer = await postAdmin(gateway, '/admin/v1/reconcile', body)
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as ReconcileView
}

/** All steps of a run. `between` is called after each step but the last. */
export async function reconcileAll(
  gateway: Pick<TestGateway, 'admin'>,
  body: Readonly<Record<string, unknown>> = {},
  between: (step: ReconcileView) => Promise<unknown> | undefined = () => undefined,
): Promise<ReconciledRun> {
  let last = await reconcileStep(gateway, body)
  const findings = [...last.findings]
  let steps = 1
  while (!last.done) {
    expect(steps).toBeLessThan(100)
    await between(last)
    last = await reconcileStep(gateway, { run: last.run, ...limitIn(body) })
    findings.push(...last.findings)
    steps += 1
  }
  return { last, findings, steps }
}

function limitIn({ limit }: Readonly<Record<string, unknown>>) {
  return limit === undefined ? {} : { limit }
}

/** The stored totals among the findings. */
export function totalsIn({ findings }: Pick<ReconciledRun, 'findings'>) {
  return findings.filter((finding) => finding.kind === 'total')
}
