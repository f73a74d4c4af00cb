import * as z from 'zod/mini'
import { described } from '../described.ts'
import { openCursor, sealCursor } from '../gateway/cursor.ts'
import type { AppContext } from './app-context.ts'
import { pageLimit, text } from './schemas.ts'

/** Members of the query of every list of the admin API. */
export const ADMIN_PAGE_QUERY = {
  limit: described(z._default(pageLimit, 100), '1 to 1,000'),
  cursor: described(z.optional(text(2_048)), '`nextCursor` of the page before'),
}

/** A page's own member of the answer, for its schema. */
export const nextCursorSchema = described(
  z.optional(z.string()),
  'There is more: hand it in as `cursor`',
)

/** What to show of a list. */
export interface AdminPageRequest<Item> {
  /** Which list this is, with its filters: the cursor of one is none of another. */
  readonly scope: readonly string[]
  /** 1 to 1,000. */
  readonly limit: number
  readonly cursor?: string | undefined
  /** All of the list, in any order. */
  readonly items: Iterable<Item>
  /** What the list is ordered by, unique in it. */
  readonly nameOf: (item: Item) => string
}

/**
 * A page of a list that is in memory, by ascending names (code units). What comes to be or goes between
 * two pages is shown or not; what stays is shown once. Throws `InvalidRequest` for a cursor that is
 * forged or of another list.
 */
export function adminPage<Item>(
  context: Pick<AppContext, 'hashing' | 'cursorKeys'>,
  { scope, limit, cursor, items, nameOf }: AdminPageRequest<Item>,
): { readonly items: readonly Item[]; readonly nextCursor?: string } {
  const list = ['admin', ...scope]
  const after = cursor === undefined ? undefined : openCursor(context, list, cursor)
  const rest = [...items]
    .map((item) => ({ item, name: nameOf(item) }))
    .filter(({ name }) => after === undefined || name > after)
    .sort((one, other) => (one.name < other.name ? -1 : 1))
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  const more = rest.length > limit && last !== undefined
  return {
    items: page.map(({ item }) => item),
    ...(more && { nextCursor: sealCursor(context, list, last.name) }),
  }
}
