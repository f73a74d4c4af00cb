// Loaded before a gateway's own entry file: on SIGUSR2 something goes wrong that nobody has thought of,
// the way that FAULT names. The process stays as it is until then.
const faults: Readonly<Record<string, () => void>> = {
  'a rejection': () => void Promise.reject(new Error('nobody handles this')),
  'an exception in a timer': () => {
    setTimeout(() => {
      throw new Error('nobody handles this')
    })
  },
  'what is no error': () => void Promise.reject('nobody handles this'),
}

process.once('SIGUSR2', () => faults[process.env.FAULT ?? '']?.())
