import { Bits } from './bits.ts'
import { noise } from './noise.ts'

const WIDTH = 640
const HEIGHT = 480
const FRAMES_PER_SECOND = 9
const MACROBLOCKS = (WIDTH / 16) * (HEIGHT / 16)
const MACROBLOCK_BYTES = 384 // 16 × 16 luma, twice 8 × 8 chroma
/** Smallest sample of noise: without zeros no byte sequence needs escaping. */
const LEAST_SAMPLE = 16

/**
 * An MP4 of exactly `sizeBytes` (1 MiB or more) that browsers play and seek in, the same at every call:
 * H.264 Baseline without compression, every frame a key frame of noise, nine a second. A `free` box
 * fills up. Sources: ITU-T H.264, 7.3 (I_PCM macroblocks); ISO/IEC 14496-12 and -15 (boxes).
 */
export function sampleVideo(sizeBytes: number): {
  bytes: Buffer
  width: number
  height: number
  seconds: number
} {
  const pictures = [frame(0), frame(1)] as const
  const frameBytes = pictures[0].length
  const frames = Math.floor((sizeBytes - 4_096) / frameBytes)
  const data = Array.from({ length: frames }, (_, index) => pictures[index % 2 === 0 ? 0 : 1])
  const head = Buffer.concat([
    box('ftyp', Buffer.from('isom'), uint32(512), Buffer.from('isomavc1')),
    movie(frames, frameBytes, sizeBytes - frames * frameBytes),
  ])
  const filling = Buffer.alloc(sizeBytes - head.length - 8 - 8 - frames * frameBytes)
  const bytes = Buffer.concat([head, box('free', filling), box('mdat', ...data)])
  return { bytes, width: WIDTH, height: HEIGHT, seconds: frames / FRAMES_PER_SECOND }
}

/** One picture with its length before it. Neighbours need different values of `idrPictureId`. */
function frame(idrPictureId: number): Buffer {
  const samples = noise(MACROBLOCKS * MACROBLOCK_BYTES, LEAST_SAMPLE)
  const blocks = Array.from({ length: MACROBLOCKS - 1 }, (_, index) => {
    const start = (index + 1) * MACROBLOCK_BYTES
    // ue(25), I_PCM, and zeros up to the byte.
    return [Buffer.from([0x0d, 0x00]), samples.subarray(start, start + MACROBLOCK_BYTES)]
  })
  const slice = new Bits()
    .ue(0) // first macroblock
    .ue(7) // all slices of the picture are I
    .ue(0) // picture parameter set
    .u(4, 0) // frame number
    .ue(idrPictureId)
    .u(2, 0) // output at once, no long-term reference
    .ue(0) // no change of the quantizer
    .ue(1) // no deblocking
    .ue(25) // I_PCM
    .bytes()
  const unit = Buffer.concat([
    Buffer.from([0x65]),
    slice,
    samples.subarray(0, MACROBLOCK_BYTES),
    ...blocks.flat(),
    Buffer.from([0x80]),
  ])
  return Buffer.concat([uint32(unit.length), unit])
}

const SEQUENCE_PARAMETERS = Buffer.concat([
  Buffer.from([0x67, 66, 0xc0, 30]), // Constrained Baseline, level 3
  new Bits()
    .ue(0)
    .ue(0) // frame numbers of 4 bits
    .ue(2) // output in order of decoding
    .ue(0) // no reference frames
    .u(1, 0)
    .ue(WIDTH / 16 - 1)
    .ue(HEIGHT / 16 - 1)
    .u(1, 1) // frames only
    .u(1, 1)
    .u(2, 0) // no cropping, no VUI
    .u(1, 1)
    .bytes(),
])
const PICTURE_PARAMETERS = Buffer.concat([
  Buffer.from([0x68]),
  new Bits()
    .ue(0)
    .ue(0)
    .u(2, 0) // CAVLC
    .ue(0)
    .ue(0)
    .ue(0)
    .u(3, 0)
    .ue(0)
    .ue(0)
    .ue(0)
    .u(1, 1) // slices say whether they deblock
    .u(2, 0)
    .u(1, 1)
    .bytes(),
])

function movie(frames: number, frameBytes: number, firstOffset: number): Buffer {
  const matrix = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000].map(uint32)
  const timescale = uint32(FRAMES_PER_SECOND)
  const duration = uint32(frames)
  const times = [uint32(0), uint32(0)]
  const avcC = box(
    'avcC',
    Buffer.from([1, 66, 0xc0, 30, 0xff, 0xe1]),
    uint16(SEQUENCE_PARAMETERS.length),
    SEQUENCE_PARAMETERS,
    Buffer.from([1]),
    uint16(PICTURE_PARAMETERS.length),
    PICTURE_PARAMETERS,
  )
  const avc1 = box(
    'avc1',
    zeros(6),
    uint16(1),
    zeros(16),
    uint16(WIDTH),
    uint16(HEIGHT),
    uint32(0x48_0000), // 72 dpi
    uint32(0x48_0000),
    zeros(4),
    uint16(1),
    zeros(32),
    uint16(24),
    uint16(0xffff),
    avcC,
  )
  const table = box(
    'stbl',
    box('stsd', uint32(0), uint32(1), avc1),
    box('stts', uint32(0), uint32(1), uint32(frames), uint32(1)),
    box('stsc', uint32(0), uint32(1), uint32(1), uint32(frames), uint32(1)),
    box('stsz', uint32(0), uint32(frameBytes), uint32(frames)),
    box('stco', uint32(0), uint32(1), uint32(firstOffset)),
  )
  const media = box(
    'mdia',
    box('mdhd', uint32(0), ...times, timescale, duration, uint16(0x55c4), zeros(2)),
    box('hdlr', zeros(8), Buffer.from('vide'), zeros(12), Buffer.from([0])),
    box(
      'minf',
      box('vmhd', uint32(1), zeros(8)),
      box('dinf', box('dref', uint32(0), uint32(1), box('url ', uint32(1)))),
      table,
    ),
  )
  const sides = [uint32(WIDTH * 0x1_0000), uint32(HEIGHT * 0x1_0000)]
  const track = box(
    'trak',
    box('tkhd', uint32(3), ...times, uint32(1), zeros(4), duration, zeros(16), ...matrix, ...sides),
    media,
  )
  const rate = [uint32(0x1_0000), uint16(0x100), zeros(10)]
  const mvhd = [uint32(0), ...times, timescale, duration, ...rate, ...matrix, zeros(24), uint32(2)]
  return box('moov', box('mvhd', ...mvhd), track)
}

function box(type: string, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from(type), ...content])
  return Buffer.concat([uint32(body.length + 4), body])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function zeros(length: number): Buffer {
  return Buffer.alloc(length)
}
