import { escapeXml } from '../../../src/stores/escape-xml.ts'

/** Text, or child elements in order; a name may come again. */
export type XmlContent = string | number | boolean | readonly (readonly [string, XmlContent])[]

/** An XML document as S3 writes it. */
export function xmlOf(root: string, content: XmlContent): string {
  const xmlns = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root} ${xmlns}>${inner(content)}</${root}>`
}

function inner(content: XmlContent): string {
  if (typeof content !== 'object') return escapeXml(String(content))
  return content.map(([name, child]) => `<${name}>${inner(child)}</${name}>`).join('')
}
