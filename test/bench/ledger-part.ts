import { requireRedis } from './bench-redis.ts'
import type { Report } from './figure.ts'
import { redisScale } from './redis-scale.ts'
import { redisThroughput } from './redis-throughput.ts'
import { sqliteLedger } from './sqlite-ledger.ts'

/** Decisions over three rates and seven quotas, on each ledger that survives a crash. */
export async function ledgerPart(report: Report): Promise<void> {
  await requireRedis()
  await sqliteLedger(report)
  await redisThroughput(report)
  await redisScale(report)
}
