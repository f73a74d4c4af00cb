import type { Plan } from '../../src/limits/plan.ts'

/**
 * Three rates and seven quotas over user and tenant, none of which a run can use up: what a decision
 * costs that looks at all of them. Rates stand just below the fastest that a plan may have.
 */
export const BENCH_PLAN: Plan = {
  name: 'bench',
  rates: [
    { policy: 'user-second', per: 'user', requests: 50_000, windowSeconds: 1, burst: 50_000_000 },
    { policy: 'user-minute', per: 'user', requests: 2e6, windowSeconds: 60, burst: 50_000_000 },
    { policy: 'tenant-second', per: 'tenant', requests: 1e5, windowSeconds: 1, burst: 1e8 },
  ],
  quotas: [
    { policy: 'user-bytes-day', per: 'user', unit: 'bytes', limit: 2 ** 50, window: 'day' },
    { policy: 'user-objects-hour', per: 'user', unit: 'objects', limit: 2 ** 40, window: 'hour' },
    { policy: 'user-pending', per: 'user', unit: 'pending-uploads', limit: 2 ** 40 },
    { policy: 'tenant-bytes-month', per: 'tenant', unit: 'bytes', limit: 2 ** 50, window: 'month' },
    { policy: 'tenant-requests', per: 'tenant', unit: 'requests', limit: 2 ** 40, window: 'day' },
    { policy: 'tenant-stored', per: 'tenant', unit: 'stored-bytes', limit: 2 ** 50 },
    { policy: 'tenant-objects', per: 'tenant', unit: 'stored-objects', limit: 2 ** 40 },
  ],
}
