import { XMLParser } from 'fast-xml-parser'

/** An element with children; leaves are text. */
export type XmlElement = Readonly<Record<string, unknown>>

// Values stay text as it was sent: no numbers, no trimming, no entities but ours below.
const parser = new XMLParser({
  processEntities: false,
  parseTagValue: false,
  trimValues: false,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  maxNestedTags: 16,
  isArray: (name) => ['Contents', 'Part', 'Upload', 'Grant'].includes(name),
})

/**
 * Reads well-formed XML without a document type. Throws on anything else, so that neither a cut-off
 * answer nor an entity of the sender's own is ever taken for data. Blanks before the declaration are
 * no harm: S3 sends them to keep the connection of a long CompleteMultipartUpload.
 */
export function parseXml(text: string): XmlElement {
  if (text.includes('<!')) throw new TypeError('Cannot read XML: it holds a declaration')
  return parser.parse(text.trimStart(), true) as XmlElement
}

const NAMED: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
])

/** Text of a leaf with XML's own five entities and character references decoded, once. */
export function textOf(raw: string): string {
  return raw.replaceAll(/&(?:#x([0-9A-Fa-f]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));/g, decodeReference)
}

/** Whether a value of an element is an element itself, and the only one of its name. */
export function isElement(value: unknown): value is XmlElement {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Text of the one child of this name; undefined when there is none, or it is no leaf. */
export function leafOf(element: XmlElement, name: string): string | undefined {
  const value = element[name]
  return typeof value === 'string' ? textOf(value) : undefined
}

/** A key of a listing that was asked for with `encoding-type=url`, if its answer says that it is. */
export function keyText(written: string, encoded: boolean): string {
  // Some stores write a space as `+`; a literal plus is `%2B` with all of them.
  return encoded ? decodeURIComponent(written.replaceAll('+', ' ')) : written
}

function decodeReference(whole: string, hex?: string, decimal?: string, name?: string): string {
  if (name !== undefined) return NAMED.get(name) ?? whole
  const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
  return point <= 0x10ffff ? String.fromCodePoint(point) : whole
}
