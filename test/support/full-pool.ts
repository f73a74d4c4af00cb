import { open, stat } from 'node:fs'

// Loaded before a gateway's own entry file: on SIGUSR2 every thread of the pool waits for somebody who writes to
// the pipe FIFO, as it would for a resolver that hangs. It says so, and when there is a free thread again.
process.once('SIGUSR2', () => {
  const fifo = process.env.FIFO ?? ''
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4)
  for (let n = 0; n < threads; n += 1) open(fifo, 'r', () => {})
  stat('/', () => process.stderr.write('{"event":"pool.free"}\n'))
  process.stderr.write('{"event":"pool.full"}\n')
})
