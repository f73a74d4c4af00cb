// What the image's HEALTHCHECK runs: the image has neither a shell nor curl.
const url = process.env.SIGNET_HEALTH_URL ?? 'http://127.0.0.1:8080/healthz'
const TIMEOUT_MS = 2_500

try {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  process.exitCode = response.ok ? 0 : 1
} catch {
  process.exitCode = 1
}
