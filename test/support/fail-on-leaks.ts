import { afterAll, afterEach, beforeEach, expect } from 'vitest'
import { nowTesting, takeLeaks } from './leak-watch.ts'

beforeEach(({ task }) => nowTesting(task.name))
// Registered before those of the test files, so run after them: closing a gateway is looked at, too.
afterEach(async () => {
  expect(await takeLeaks()).toEqual([])
})
afterAll(async () => {
  expect(await takeLeaks()).toEqual([])
})
