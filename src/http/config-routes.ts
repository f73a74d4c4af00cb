import * as z from 'zod'
import { type AdminCall, type Route, route } from './route.ts'

const statusSchema = z.object({
  generation: z
    .int()
    .describe('1 at the start of this gateway, one more with each configuration put into force'),
  loadedAt: z.string().describe('When the one in force was read'),
  needsRestart: z
    .array(z.string())
    .describe('Settings of the file that come into force with the next start only'),
  refusedAt: z
    .string()
    .optional()
    .describe('When the file was found to be unusable; absent: it is in force'),
  problems: z
    .array(
      z.object({
        line: z.int(),
        column: z.int(),
        path: z.string().describe('Empty for the file as a whole'),
        message: z.string(),
      }),
    )
    .describe('What is wrong with the file: what was in force before stays so'),
  directory: z.object({
    problems: z
      .array(z.object({ name: z.string(), message: z.string() }))
      .describe('Entries made by the admin API that cannot be used, or that the file overrules'),
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
