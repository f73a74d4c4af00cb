const PARTS_AT_ONCE = 3
const TRIES = 3

/**
 * Uploads a File straight to the store by whatever grant the gateway gives: one PUT, a form, or parts,
 * some at a time. `signet`: `{ url, token }`; `wanted`: the other members of the request for a grant,
 * such as `bucket` and `mode`. Calls `onProgress(sentBytes, totalBytes)`; answers the completed upload.
 */
export async function uploadFile(signet, file, wanted, onProgress) {
  const upload = await ask(signet, '/v1/uploads', {
    filename: file.name,
    contentType: file.type || 'application/octet-stream', // sent as it is, and the store checks it
    ...(wanted.maxSizeBytes === undefined && { sizeBytes: file.size }),
    ...wanted,
  })
  const parts = await sendFile(signet, upload, file, onProgress)
  return ask(signet, `/v1/uploads/${upload.id}/complete`, parts && { parts })
}

/** Sends the file by its grant. Answers what `complete` wants to hear of parts, if there are any. */
export async function sendFile(signet, { id, request, form, multipart }, file, onProgress) {
  const sent = new Map() // bytes by part
  const sending = (grant, body, part = 0) =>
    send(grant, body, (bytes) => {
      sent.set(part, Math.min(bytes, file.size)) // a form is somewhat longer than its file
      onProgress?.(
        [...sent.values()].reduce((sum, size) => sum + size),
        file.size,
      )
    })
  if (request) await sending(request, file)
  if (form) {
    const data = new FormData()
    for (const [name, value] of Object.entries(form.fields)) data.append(name, value)
    data.append(form.fileField, file) // last
    await sending({ method: 'POST', url: form.url, headers: {} }, data)
  }
  if (!multipart) return undefined

  const { partSizeBytes, partCount, parts, partsExpireAt } = multipart
  const signed = new Map(parts.map((part) => [part.partNumber, part.request]))
  const done = []
  let next = 1
  const grantOf = async (partNumber) => {
    const grant = signed.get(partNumber)
    signed.delete(partNumber)
    if (grant && Date.now() < Date.parse(partsExpireAt)) return grant
    // Signed when its turn comes, and again for another try: that costs nothing of the quota.
    const again = { partNumbers: [partNumber] }
    return (await ask(signet, `/v1/uploads/${id}/parts`, again)).parts[0].request
  }
  const sendPart = async (partNumber) => {
    const start = (partNumber - 1) * partSizeBytes
    const bytes = file.slice(start, start + partSizeBytes)
    for (let tries = 1; ; tries++) {
      try {
        return await sending(await grantOf(partNumber), bytes, partNumber)
      } catch (error) {
        if (tries < TRIES && next <= partCount + 1) continue
        next = Number.POSITIVE_INFINITY // the others stop as well
        throw error
      }
    }
  }
  const worker = async () => {
    while (next <= partCount) {
      const partNumber = next++
      const answer = await sendPart(partNumber)
      done.push({ partNumber, etag: answer.getResponseHeader('etag') }) // needs ExposeHeaders: ETag
    }
  }
  await Promise.all(Array.from({ length: PARTS_AT_ONCE }, worker))
  return done.sort((a, b) => a.partNumber - b.partNumber)
}

async function ask({ url, token }, path, body) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const answer = await fetch(url + path, {
    method: 'POST',
    headers,
    ...(body && { body: JSON.stringify(body) }),
  })
  const said = await answer.json()
  if (!answer.ok) throw new Error(`${said.code}: ${said.detail}`)
  return said
}

// XMLHttpRequest, because fetch says nothing of how far an upload is.
function send({ method, url, headers }, body, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open(method, url)
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
    request.upload.onprogress = ({ loaded }) => onProgress(loaded)
    request.onload = () =>
      request.status < 300
        ? resolve(request)
        : reject(new Error(`The store says ${request.status}`))
    // A missing CORS rule, a refusal without CORS headers and a broken line all look like this:
    // GET /v1/uploads/{id}/diagnosis?origin=… tells which it is.
    request.onerror = () => reject(new Error('The store does not answer this page'))
    request.send(body)
  })
}
