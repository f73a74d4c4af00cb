import { escapeXml } from '../../stores/escape-xml.ts'

/** A refusal of the embedded store, in S3's words. */
export class StoreRefusal extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string) {
    super(message)
    this.name = 'StoreRefusal'
    this.status = status
    this.code = code
  }

  /** The body of the answer. */
  toXml(): string {
    return `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>${this.code}</Code><Message>${escapeXml(this.message)}</Message></Error>`
  }
}
