import { defineProfile } from '../profile.ts'

/** A store that Signet has no profile for: nothing is assumed, path style first. */
export const generic = defineProfile({ region: 'config' })
