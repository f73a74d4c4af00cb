/** `X-Amz-Date`: ISO 8601 basic format, UTC, whole seconds, rounded down. */
export function toAmzDate(atMs: number): string {
  const iso = new Date(Math.floor(atMs / 1000) * 1000).toISOString()
  return `${iso.slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}
