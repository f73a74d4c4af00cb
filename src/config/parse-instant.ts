const INSTANT = /^\d{4}-(\d{2})-(\d{2})T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2})$/

/** A time of RFC 3339, in milliseconds; the seconds may be left out. `undefined` for anything else. */
export function parseInstant(text: string): number | undefined {
  const [, month, date] = INSTANT.exec(text) ?? []
  if (month === undefined || date === undefined) return undefined
  // A parser that takes 31 February for 3 March would change a zone days late.
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`)
  const isDate = day.getUTCMonth() + 1 === Number(month) && day.getUTCDate() === Number(date)
  const atMs = Date.parse(text)
  return isDate && !Number.isNaN(atMs) ? atMs : undefined
}
