import { describe, expect, it } from 'vitest'
import { createEventBuffer, type EventBufferOptions } from '../../src/audit/event-buffer.ts'
import type { AuditEvent } from '../../src/audit/port.ts'
import { eventAt } from '../contract/audit.contract.ts'
import { until } from '../support/until.ts'

/** A sink whose writes end when a test says so. */
function manualSink() {
  const written: (number | undefined)[] = []
  const pending: { end(how: 'written' | 'failed'): void }[] = []
  const write = (events: readonly AuditEvent[]) =>
    new Promise<void>((resolve, reject) => {
      pending.push({
        end(how) {
          if (how === 'failed') return reject(new Error('disk full'))
          written.push(...events.map(({ parts }) => parts))
          resolve()
        },
      })
    })
  return {
    write,
    written,
    /** Ends the write that is under way, or that begins now. */
    async end(how: 'written' | 'failed'): Promise<void> {
      const next = await until('a write is under way', async () => pending.shift())
      next.end(how)
      await new Promise((resolve) => setImmediate(resolve))
    },
    underWay: () => pending.length,
  }
}

const NEVER_MS = 3_600_000

function open(options: Partial<EventBufferOptions> = {}) {
  const sink = manualSink()
  const states: string[] = []
  const lost: number[] = []
  const buffer = createEventBuffer({
    write: sink.write,
    onState: (state) => states.push(state),
    onLost: (count) => lost.push(count),
    retryMs: NEVER_MS,
    ...options,
  })
  const append = (parts: number) => buffer.append(eventAt(0, { parts }))
  return { buffer, append, sink, states, lost }
}

describe('a write that hangs', () => {
  const FULL = { code: 'Overloaded' }

  it('keeps nobody waiting: the sink counts as failing until it is done, and nothing is lost', async () => {
    const { append, buffer, sink, states } = open({ slowMs: 300 })
    const first = append(1)
    await until('the first write has begun', async () => sink.underWay() === 1)
    const second = append(2)
    await Promise.all([first, second, append(3)])
    expect([sink.written, states]).toEqual([[], ['failing']])
    await sink.end('written')
    await sink.end('written')
    await buffer.flush()
    expect([sink.written, states]).toEqual([
      [1, 2, 3],
      ['failing', 'working'],
    ])
  })

  it('fills the buffer, what it writes included, and then appends are refused', async () => {
    const { append, sink } = open({ slowMs: 1, maxBuffered: 2 })
    await append(1)
    await append(2)
    await expect(append(3)).rejects.toMatchObject(FULL)
    await sink.end('written')
    await sink.end('written')
    const fourth = append(4)
    await sink.end('written')
    await fourth
    expect(sink.written).toEqual([1, 2, 4])
  })

  it('refuses at once where there is no buffer, and the sink is tried again when it is done', async () => {
    const { append, sink } = open({ slowMs: 1, maxBuffered: 0 })
    await expect(append(1)).rejects.toMatchObject(FULL)
    await expect(append(2)).rejects.toMatchObject(FULL)
    expect(sink.underWay()).toBe(1)
    await sink.end('written')
    // The next one is tried again, whether or not it hangs, too.
    const third = append(3).catch(() => {})
    await sink.end('written')
    await third
    expect(sink.written).toEqual([1, 3])
  })

  it('is one that takes longer than it may: a slow one that is waited for is none', async () => {
    const { append, sink, states } = open({ slowMs: NEVER_MS })
    let isOver = false
    const first = append(1).then(() => {
      isOver = true
    })
    await until('the write has begun', async () => sink.underWay() === 1)
    await new Promise(setImmediate)
    expect(isOver).toBe(false)
    await sink.end('written')
    await first
    expect(states).toEqual([])
  })
})

describe('the buffer before an audit sink', () => {
  it('keeps the order when events come while a write fails', async () => {
    const { append, buffer, sink, states } = open()
    const first = append(1)
    await until('the first write has begun', async () => sink.underWay() === 1)
    const second = append(2)
    await sink.end('failed')
    await sink.end('written')
    await sink.end('written')
    await Promise.all([first, second])
    expect(sink.written).toEqual([1, 2])
    expect(states).toEqual(['failing', 'working'])
    await buffer.close()
  })

  it('resolves an event only when it is written, while the sink works', async () => {
    const { append, buffer, sink } = open()
    let recorded = false
    const appended = append(1).then(() => {
      recorded = true
    })
    await until('the write has begun', async () => sink.underWay() === 1)
    expect(recorded).toBe(false)
    await sink.end('written')
    await appended
    await buffer.close()
  })

  it('keeps nobody waiting for a sink that failed and does not answer', async () => {
    const { append, buffer, sink } = open()
    const first = append(1)
    await sink.end('failed')
    await first
    await append(2)
    expect(sink.underWay()).toBe(0)
    const flushed = buffer.flush()
    await until('it is tried again', async () => sink.underWay() === 1)
    await append(3)
    expect(sink.written).toEqual([])
    await sink.end('written')
    await sink.end('written')
    await flushed
    expect(sink.written).toEqual([1, 2, 3])
    await buffer.close()
  })

  it('tries a failed sink again by itself, when nobody appends', async () => {
    const { append, buffer, sink, states } = open({ retryMs: 1 })
    const first = append(1)
    await sink.end('failed')
    await first
    await sink.end('failed')
    await sink.end('written')
    expect(sink.written).toEqual([1])
    expect(states).toEqual(['failing', 'working'])
    await buffer.close()
  })

  it('gives a sink that failed the same events again, for it may have them', async () => {
    const given: (readonly AuditEvent[])[] = []
    const { append, buffer } = open({
      write: async (events) => {
        given.push(events)
        if (given.length < 3) throw new Error('no answer')
      },
    })
    await append(1)
    await append(2)
    await append(3)
    for (let turn = 0; turn < 3; turn += 1) await buffer.flush()
    const [first] = given
    expect(given.slice(0, 3).every((events) => events === first)).toBe(true)
    expect(
      given
        .flat()
        .slice(2)
        .map(({ parts }) => parts),
    ).toEqual([1, 2, 3])
    await buffer.close()
  })

  it('writes many events in parts, in order, and each once', async () => {
    const sizes: number[] = []
    const parts: (number | undefined)[] = []
    const { append, buffer } = open({
      write: async (events) => {
        sizes.push(events.length)
        parts.push(...events.map((event) => event.parts))
      },
    })
    const all = Array.from({ length: 2_500 }, (_, index) => index)
    await Promise.all(all.map(append))
    expect(parts).toEqual(all)
    expect(sizes).toEqual([1_000, 1_000, 500])
    await buffer.close()
  })

  it('refuses every event while a sink fails that may keep none, and takes them again after', async () => {
    let fails = true
    const written: (number | undefined)[] = []
    const { append, buffer, lost } = open({
      maxBuffered: 0,
      write: async (events) => {
        if (fails) throw new Error('disk full')
        written.push(...events.map(({ parts }) => parts))
      },
    })
    await expect(append(1)).rejects.toMatchObject({ code: 'Overloaded' })
    await expect(append(2)).rejects.toMatchObject({ code: 'Overloaded' })
    fails = false
    await append(3)
    expect(written).toEqual([3])
    await buffer.close()
    expect(lost).toEqual([])
  })

  it('says at its end how many events no sink has taken', async () => {
    const { append, buffer, sink, lost } = open()
    const first = append(1)
    await sink.end('failed')
    await first
    await append(2)
    const closed = buffer.close()
    await sink.end('failed')
    await closed
    expect(lost).toEqual([2])
  })
})
