import { sendFile, uploadFile } from '/upload-in-browser.js'

const input = document.querySelector('#file')
const video = document.querySelector('#video')

/** What tests do in the page. Nothing throws: a failure is the member `error`. */
window.page = {
  /** The chosen file, from the request for a grant to its completion. */
  async upload(signet, wanted) {
    const progress = []
    try {
      const upload = await uploadFile(signet, input.files[0], wanted, (...step) =>
        progress.push(step),
      )
      return { upload, progress }
    } catch (error) {
      return { error: error.message, progress }
    }
  },

  /** The chosen file, by a grant that was meant for another one. */
  async send(signet, upload) {
    try {
      return { parts: await sendFile(signet, upload, input.files[0]) }
    } catch (error) {
      return { error: error.message }
    }
  },

  /** What a pre-signed GET answers; `range`: the value of that header. */
  async get(url, range) {
    try {
      const answer = await fetch(url, range === undefined ? {} : { headers: { range } })
      const blob = await answer.blob()
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', await blob.arrayBuffer()))
      return {
        status: answer.status,
        sizeBytes: blob.size,
        type: blob.type,
        sha256: digest.toHex(),
      }
    } catch (error) {
      return { error: error.message }
    }
  },

  /** Sides of an image as the browser decodes it. */
  async imageSize(url) {
    const image = await createImageBitmap(await (await fetch(url)).blob())
    return [image.width, image.height]
  },

  /** Shows a video and goes to a moment of it, in seconds. */
  async playFrom(url, seconds) {
    const shown = new Promise((resolve, reject) => {
      video.onseeked = resolve
      video.onerror = () => reject(new Error(video.error.message))
    })
    video.src = url
    video.currentTime = seconds
    await shown
    return { width: video.videoWidth, height: video.videoHeight, seconds: video.duration }
  },
}
