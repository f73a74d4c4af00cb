// Uploads a file through Signet, in whatever form the gateway chooses: one PUT, a form, or parts in
// parallel.
//
//   SIGNET=http://127.0.0.1:8080 KEY=signet_… node upload-file.mjs FILE CONTENT_TYPE [BUCKET]
//
// Node 20 or newer, and nothing else. A part that fails is signed and sent again.
import { openAsBlob } from 'node:fs'
import { basename } from 'node:path'

const PARTS_AT_ONCE = 4
const TRIES = 3

const [path, contentType, bucket = 'media'] = process.argv.slice(2)
const { SIGNET, KEY } = process.env
if (path === undefined || contentType === undefined || !SIGNET || !KEY) {
  const usage = 'SIGNET=URL KEY=API_KEY node upload-file.mjs FILE CONTENT_TYPE [BUCKET]'
  process.stderr.write(`Usage: ${usage}\n`)
  process.exit(2)
}

/** A call of the gateway; the answer as JSON. Throws with the gateway's own words. */
async function signet(method, route, body) {
  const response = await fetch(`${SIGNET}${route}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(`${answer.code}: ${answer.detail}`)
  return answer
}

/** Sends bytes as they were signed; the ETag that the store gives them. */
async function send({ method, url, headers }, bytes) {
  const response = await fetch(url, { method, headers, body: bytes })
  if (!response.ok) throw new Error(`The store said ${response.status}`)
  return response.headers.get('etag')
}

async function sendForm({ url, fields, fileField }, file) {
  const data = new FormData()
  for (const [name, value] of Object.entries(fields)) data.append(name, value)
  data.append(fileField, file) // last
  await send({ method: 'POST', url }, data)
}

async function sendPart(upload, part, file) {
  const { partSizeBytes } = upload.multipart
  const start = (part.partNumber - 1) * partSizeBytes
  const bytes = file.slice(start, start + part.sizeBytes)
  for (let left = TRIES; ; left -= 1) {
    try {
      const etag = await send(part.request, bytes)
      return { partNumber: part.partNumber, etag }
    } catch (error) {
      if (left <= 1) throw error
      // The URL may have ended meanwhile: a new one costs nothing of the quota.
      const again = { partNumbers: [part.partNumber] }
      const { parts } = await signet('POST', `/v1/uploads/${upload.id}/parts`, again)
      part = parts[0]
    }
  }
}

/** Part URLs in order: the first come with the upload, the others when they are needed. */
async function* allParts(upload) {
  const { parts, partCount } = upload.multipart
  yield* parts
  for (let from = parts.length + 1; from <= partCount; from += 100) {
    const range = { from, to: Math.min(partCount, from + 99) }
    yield* (await signet('POST', `/v1/uploads/${upload.id}/parts`, range)).parts
  }
}

async function sendParts(upload, file) {
  const sent = []
  const queue = allParts(upload)
  const worker = async () => {
    for (let next = await queue.next(); !next.done; next = await queue.next()) {
      sent.push(await sendPart(upload, next.value, file))
      process.stderr.write(`part ${next.value.partNumber} of ${upload.multipart.partCount}\n`)
    }
  }
  try {
    await Promise.all(Array.from({ length: PARTS_AT_ONCE }, worker))
  } finally {
    await queue.return() // after a failure the others stop as well
  }
  return sent.sort((a, b) => a.partNumber - b.partNumber)
}

const file = await openAsBlob(path)
const upload = await signet('POST', '/v1/uploads', {
  bucket,
  filename: basename(path),
  sizeBytes: file.size,
  contentType,
})
let parts
if (upload.multipart !== undefined) parts = await sendParts(upload, file)
else if (upload.form !== undefined) await sendForm(upload.form, file)
else await send(upload.request, file)
const done = await signet('POST', `/v1/uploads/${upload.id}/complete`, parts && { parts })
process.stdout.write(`${JSON.stringify(done)}\n`)
