import type { Profile } from './profile.ts'
import { aws } from './profiles/aws.ts'
import { b2 } from './profiles/b2.ts'
import { ceph } from './profiles/ceph.ts'
import { digitalocean } from './profiles/digitalocean.ts'
import { embedded } from './profiles/embedded.ts'
import { garage } from './profiles/garage.ts'
import { gcs } from './profiles/gcs.ts'
import { generic } from './profiles/generic.ts'
import { hetzner } from './profiles/hetzner.ts'
import { idrive } from './profiles/idrive.ts'
import { minio } from './profiles/minio.ts'
import { ovh } from './profiles/ovh.ts'
import { r2 } from './profiles/r2.ts'
import { rustfs } from './profiles/rustfs.ts'
import { scaleway } from './profiles/scaleway.ts'
import { seaweedfs } from './profiles/seaweedfs.ts'
import { storj } from './profiles/storj.ts'
import { supabase } from './profiles/supabase.ts'
import { swift } from './profiles/swift.ts'
import { tigris } from './profiles/tigris.ts'
import { wasabi } from './profiles/wasabi.ts'

const profiles: ReadonlyMap<string, Profile> = new Map(
  Object.entries({
    aws,
    b2,
    ceph,
    digitalocean,
    embedded,
    garage,
    gcs,
    generic,
    hetzner,
    idrive,
    minio,
    ovh,
    r2,
    rustfs,
    scaleway,
    seaweedfs,
    storj,
    supabase,
    swift,
    tigris,
    wasabi,
  }),
)

/** Names that a store's `provider` may have, sorted. */
export const PROVIDERS: readonly string[] = [...profiles.keys()]

/** The profile of a provider, or undefined for a name that is not in `PROVIDERS`. */
export function profileOf(provider: string): Profile | undefined {
  return profiles.get(provider)
}
