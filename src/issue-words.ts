import * as z from 'zod/mini'

/** For `safeParse`: what a schema has no words of its own for is told in English, and not as "Invalid input". */
export const IN_ENGLISH = { error: z.locales.en().localeError }
