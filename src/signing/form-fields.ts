import { GatewayError } from '../errors.ts'
import { escapeXml } from '../stores/escape-xml.ts'

/**
 * Headers as S3 calls them in a form (API reference, POST Object). A store that knows a field by
 * another spelling would refuse it or drop it.
 */
const FIELD_OF: ReadonlyMap<string, string> = new Map([
  ['content-type', 'Content-Type'],
  ['cache-control', 'Cache-Control'],
  ['content-encoding', 'Content-Encoding'],
  ['content-disposition', 'Content-Disposition'],
  ['expires', 'Expires'],
  ['x-amz-acl', 'acl'],
])

/**
 * The fields of a form that stand for the headers of an object. Tags become the XML document that a
 * form carries instead of the header. Throws `InternalError` for a header that no form can carry: a
 * profile that pins one is wrong.
 */
export function formFields(headers: ReadonlyMap<string, string>): Map<string, string> {
  const fields = new Map<string, string>()
  for (const [name, value] of headers) {
    if (name === 'x-amz-tagging') {
      // An empty header pins "no tags"; in a form a field that is not there does.
      if (value !== '') fields.set('tagging', taggingXml(value))
    } else {
      fields.set(fieldOf(name), value)
    }
  }
  return fields
}

function fieldOf(header: string): string {
  const field = FIELD_OF.get(header) ?? (header.startsWith('x-amz-') ? header : undefined)
  if (field !== undefined) return field
  throw new GatewayError('InternalError', `Cannot sign a form: it cannot carry "${header}"`)
}

function taggingXml(header: string): string {
  const tags = header.split('&').map((pair) => {
    const [key = '', value = ''] = pair.split('=').map(decodeURIComponent)
    return `<Tag><Key>${escapeXml(key)}</Key><Value>${escapeXml(value)}</Value></Tag>`
  })
  return `<Tagging><TagSet>${tags.join('')}</TagSet></Tagging>`
}
