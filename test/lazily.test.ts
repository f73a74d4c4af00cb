import { expect, it } from 'vitest'
import { lazily } from '../src/lazily.ts'

it('makes nothing before it is asked for, and is there without a promise from then on', async () => {
  let times = 0
  const thing = lazily(async () => ({ number: ++times }))
  expect(times).toBe(0)
  const first = await thing()
  expect(thing()).toBe(first)
  expect(times).toBe(1)
})

it('gives each caller a promise of its own until it is made, and the same thing to all', async () => {
  let times = 0
  const thing = lazily(async () => ({ number: ++times }))
  const [one, other] = [thing(), thing()]
  expect(one).not.toBe(other)
  expect(await one).toBe(await other)
  expect(thing()).toBe(await one)
})

it('tries again after it failed', async () => {
  let fails = true
  const thing = lazily(async () => {
    if (fails) throw new Error('not yet')
    return { ready: true }
  })
  await expect(Promise.resolve(thing())).rejects.toThrow('not yet')
  fails = false
  expect(await thing()).toEqual({ ready: true })
})
