import { mkdirSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

// Keeps what Node has compiled for the next start, which then takes half the time: types are stripped and
// modules compiled once. It lies with what is installed, where nobody else can write; without a right to
// write there, as in a container, every start compiles.
//
// The only file in JavaScript: loaded before the entry file, by `--import`, it spares Node its compiler of
// types altogether, which is 17 MB of memory for good. An entry file that is started without that flag
// imports it as its first module, and has all but this.

const folder = join(import.meta.dirname, '../../node_modules/.signet-compiled')
if (isThere()) enableCompileCache(folder)

// Node 24 tries for ever where it cannot make the folder itself, so it is never left to it.
function isThere() {
  try {
    mkdirSync(folder)
    return true
  } catch (error) {
    return error.code === 'EEXIST'
  }
}
