/**
 * The same body, which tells once how it ended: read or given up, or broken off on the way. Where there
 * is none it tells at once. A body that nobody reads ends with `signal`. Giving up never throws.
 */
export function watchedBody(
  body: Response['body'],
  { signal, onEnd }: { readonly signal: AbortSignal; readonly onEnd: (broke: boolean) => void },
): Response['body'] {
  if (body === null) {
    onEnd(false)
    return null
  }
  const reader = body.getReader()
  let isReading = false
  const end = (broke: boolean) => {
    signal.removeEventListener('abort', runOut)
    onEnd(broke)
  }
  // Whoever is reading is told by the stream itself; there is no need to wait for that.
  const runOut = () => end(isReading)
  signal.addEventListener('abort', runOut)
  return new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        isReading = true
        try {
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
          end(false)
          controller.close()
        } catch (error) {
          end(true)
          controller.error(error)
        } finally {
          isReading = false
        }
      },
      async cancel(reason) {
        end(false)
        // One that has broken off already cannot be cancelled, and need not.
        await reader.cancel(reason).catch(() => {})
      },
    },
    { highWaterMark: 0 },
  )
}
