import * as z from 'zod/mini'
import { described } from '../described.ts'
import { type AdminCall, type Route, route } from './route.ts'

const statusSchema = z.object({
  generation: described(
    z.int(),
    '1 at the start of this gateway, one more with each configuration put into force',
  ),
  loadedAt: described(z.string(), 'When the one in force was read'),
  needsRestart: described(
    z.array(z.string()),
    'Settings of the file that come into force with the next start only',
  ),
  refusedAt: described(
    z.optional(z.string()),
    'When the file was found to be unusable; absent: it is in force',
  ),
  problems: described(
    z.array(
      z.object({
        line: z.int(),
        column: z.int(),
        path: described(z.string(), 'Empty for the file as a whole'),
        message: z.string(),
      }),
    ),
    'What is wrong with the file: what was in force before stays so',
  ),
  directory: z.object({
    problems: described(
      z.array(z.object({ name: z.string(), message: z.string() })),
      'Entries made by the admin API that cannot be used, or that the file overrules',
    ),
  }),
})

const status = route<AdminCall>({
  method: 'GET',
  path: '/admin/v1/config',
  operationId: 'getConfigStatus',
  summary: 'Whether this gateway goes by what its configuration says now, and why not',
  responses: { 200: { description: 'The configuration in force', schema: statusSchema } },
  errors: [],
  async handle({ context }) {
    return Response.json({
      ...context.configStatus.view(),
      directory: { problems: context.directory.problems() },
    })
  },
})

/** Routes of the admin API about the configuration. */
export const CONFIG_ROUTES: readonly Route<AdminCall>[] = [status]
