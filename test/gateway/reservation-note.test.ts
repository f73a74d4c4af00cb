import { describe, expect, it } from 'vitest'
import { noteText, parseNote, type UploadNote } from '../../src/gateway/reservation-note.ts'

const PENDING: UploadNote = {
  kind: 'upload',
  tenant: 'acme',
  user: 'alice',
  bucket: 'media',
  place: ['main', 'media-prod', ''],
  key: 'acme/alice/cat.jpg',
  sizeBytes: 12_345,
  contentType: 'image/jpeg',
  createdMs: 1_768_478_400_000,
  afterUrlMs: 3_660_000,
}
const SETTLED: UploadNote = { ...PENDING, etag: '"d41d8cd9"', settledMs: 1_768_478_405_000 }

describe('the note of an upload comes back as it was', () => {
  const notes: Record<string, UploadNote> = {
    pending: PENDING,
    'looked at': { ...PENDING, failures: 2 },
    settled: SETTLED,
    'with signed headers': { ...PENDING, signed: 'x-amz-tagging' },
    'rejected for what was added': { ...SETTLED, rejected: true, altered: ['x-amz-acl'] },
    'settled with a version, over an object': { ...SETTLED, versionId: 'v1', overwrite: true },
    'with an etag of a look that settled nothing': { ...PENDING, etag: '"d41d8cd9"' },
    'settled where the store gave no etag': { ...PENDING, settledMs: 1_768_478_405_000 },
    'settled by a clock behind': { ...SETTLED, settledMs: PENDING.createdMs - 5 },
  }
  for (const [name, note] of Object.entries(notes)) {
    it(name, () => {
      expect(parseNote(noteText(note))).toEqual(note)
    })
  }
})

it('a settled note is some 40 bytes longer than a pending one', () => {
  const ended = noteText({ ...SETTLED, etag: '"d41d8cd98f00b204e9800998ecf8427e"' })
  expect(ended.length - noteText(PENDING).length).toBeLessThan(50)
})

it('the note of a settled upload that an earlier build wrote is read', () => {
  const earlier = JSON.stringify([
    ...(JSON.parse(noteText(PENDING)) as unknown[]),
    { etag: SETTLED.etag, settledMs: SETTLED.settledMs },
  ])
  expect(parseNote(earlier)).toEqual(SETTLED)
})
