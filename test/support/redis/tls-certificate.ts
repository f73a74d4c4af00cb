import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A certificate for 127.0.0.1 and localhost that is its own authority, valid for a day. */
export interface TlsCertificate {
  /** Its text, PEM: what a client has to trust. */
  ca: string
  certificatePath: string
  keyPath: string
}

/** Makes a certificate with openssl, as `server.crt` and `server.key` in the folder. */
export async function makeTlsCertificate(directory: string): Promise<TlsCertificate> {
  const certificatePath = join(directory, 'server.crt')
  const keyPath = join(directory, 'server.key')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const files = ['-keyout', keyPath, '-out', certificatePath]
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-days', '1', ...key, ...subject, ...files],
  ])
  return { ca: await readFile(certificatePath, 'utf8'), certificatePath, keyPath }
}
