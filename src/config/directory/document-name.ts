/** Kind of all documents of the directory. */
export const DIRECTORY = 'directory'

/** What a document of the directory is about. */
export type DirectoryEntity =
  | { readonly kind: 'plan'; readonly plan: string }
  | { readonly kind: 'tenant'; readonly tenant: string }
  | { readonly kind: 'user'; readonly tenant: string; readonly user: string }
  | { readonly kind: 'key'; readonly key: string }

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Name of an entity's document. Different entities have different names. */
export function documentName(entity: DirectoryEntity): string {
  switch (entity.kind) {
    case 'plan':
      return `${DIRECTORY}/plan/${encodeName(entity.plan)}`
    case 'tenant':
      return `${DIRECTORY}/tenant/${encodeName(entity.tenant)}`
    case 'user':
      return `${DIRECTORY}/user/${encodeName(entity.tenant)}/${encodeName(entity.user)}`
    case 'key':
      return `${DIRECTORY}/key/${encodeName(entity.key)}`
  }
}

/** What a document is about; `undefined` for a name that `documentName` does not make. */
export function entityOf(name: string): DirectoryEntity | undefined {
  const [directory, kind, ...encoded] = name.split('/')
  const [first, second, ...more] = encoded.map(decodeName)
  if (directory !== DIRECTORY || first === undefined || more.length > 0) return undefined
  if (kind === 'user') {
    return second === undefined ? undefined : { kind, tenant: first, user: second }
  }
  if (encoded.length > 1) return undefined
  if (kind === 'plan') return { kind, plan: first }
  if (kind === 'tenant') return { kind, tenant: first }
  return kind === 'key' ? { kind, key: first } : undefined
}

/** An id as a part of a document's name: letters, digits, `_` and `-` as they are, else `.` and hex. */
export function encodeName(id: string): string {
  return id.replace(/[^A-Za-z0-9_-]/gu, (character) =>
    [...encoder.encode(character)].map((byte) => `.${byte.toString(16).padStart(2, '0')}`).join(''),
  )
}

function decodeName(encoded: string): string | undefined {
  if (!/^(?:[A-Za-z0-9_-]|\.[0-9a-f]{2})+$/.test(encoded)) return undefined
  const bytes = [...encoded.matchAll(/\.([0-9a-f]{2})|(.)/g)].map(([, hex, plain = '']) =>
    hex === undefined ? plain.charCodeAt(0) : Number.parseInt(hex, 16),
  )
  try {
    const id = decoder.decode(Uint8Array.from(bytes))
    return encodeName(id) === encoded ? id : undefined
  } catch {
    return undefined
  }
}
