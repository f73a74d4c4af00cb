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
  isArray: (name) => name === 'Contents',
})

/**
 * Reads well-formed XML without a document type. Throws on anything else, so that neither a cut-off
 * answer nor an entity of the sender's own is ever taken for data.
 */
export function parseXml(text: string): XmlElement {
  if (text.includes('<!')) throw new TypeError('Cannot read XML: it holds a declaration')
  return parser.parse(text, true) as XmlElement
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

function decodeReference(whole: string, hex?: string, decimal?: string, name?: string): string {
  if (name !== undefined) return NAMED.get(name) ?? whole
  const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
  return point <= 0x10ffff ? String.fromCodePoint(point) : whole
}
