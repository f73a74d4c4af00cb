import { openMemoryState } from '../../src/state/memory.ts'
import { stateStoreContract } from '../contract/state-store.contract.ts'

stateStoreContract('memory', async () => {
  const one = openMemoryState()
  return { one, other: one, close: () => one.close() }
})
