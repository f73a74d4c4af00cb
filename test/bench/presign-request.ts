/** The store that all contenders sign for. Nobody listens there. */
export const STORE = {
  host: 's3.example.com',
  origin: 'https://s3.example.com',
  region: 'us-east-1',
  bucket: 'media-prod',
  accessKeyId: 'AKIAEXAMPLEBENCH0001',
  secretAccessKey: 'bench+secret/0123456789abcdefghijklmnopq',
} as const

/** Headers of an upload as the gateway signs them, besides `host`. */
export const SIGNED_HEADERS: ReadonlyMap<string, string> = new Map([
  ['content-length', '12345'],
  ['content-type', 'image/jpeg'],
  ['if-none-match', '*'],
  [
    'x-amz-meta-signet',
    '1.up_01JDK3Z6T0V7Q2M9XW4B8N5RCE.12345.1764000000000.R3Vlc3NpbmctdGhpcy1pcy1ub3QtYS10aWNrZXQ',
  ],
])

/** One upload to sign. */
export interface PutToSign {
  readonly key: string
  readonly headers: ReadonlyMap<string, string>
  readonly expiresInSeconds: number
}
