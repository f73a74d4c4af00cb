import type { UserSettings } from '../../config/directory/directory-entries.ts'
import { isSet } from '../../config/directory/directory-user.ts'

/** Where a user comes from: a file, an operator by the admin API, or a token that was seen. */
export type UserSource = 'configuration' | 'admin' | 'seen'

/** Whether an operator has made this user, or has set something about it. */
export function hasSettings(user: UserSettings): boolean {
  return sourceOf(user) === 'admin'
}

/** Of a user that the configuration file does not name. */
export function sourceOf(user: UserSettings): Exclude<UserSource, 'configuration'> {
  return isSet(user) || user.firstSeenAtMs === undefined ? 'admin' : 'seen'
}
