/**
 * The body of an answer as text, at most `maxBytes` of it. Throws `RangeError` above that and gives
 * the connection up; whatever breaks the transfer is thrown as it comes. Ill-formed UTF-8 throws
 * `TypeError`.
 */
export async function readCapped(
  response: Pick<Response, 'body'>,
  maxBytes: number,
): Promise<string> {
  if (response.body === null) return ''
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  const reader = response.body.getReader()
  let text = ''
  let byteCount = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    byteCount += value.byteLength
    if (byteCount > maxBytes) {
      await reader.cancel()
      throw new RangeError(`Cannot read the answer: longer than ${maxBytes} bytes`)
    }
    text += decoder.decode(value, { stream: true })
  }
}
