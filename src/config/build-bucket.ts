import { isActiveType, isEssence } from '../policy/content-type.ts'
import { keepsOwnersApart, templateProblems, usesVariable } from '../policy/key-template.ts'
import type { DownloadRules, KeyRule } from '../stores/bucket.ts'
import { hasOneHome, hasUniqueKeys } from '../stores/placement-order.ts'
import { mayReplaceUnsaid } from '../stores/replaceable.ts'
import type { Placement, Store } from '../stores/store.ts'
import { buildPlacements } from './build-placement.ts'
import { buildUpload } from './build-upload.ts'
import type { ConfiguredBucket } from './config.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { BucketInput } from './schema-buckets.ts'

/** Lifetime of a URL that nobody has set, and its cap, in seconds. */
const DEFAULT_EXPIRY_SECONDS = 300
const DEFAULT_EXPIRY_CAP_SECONDS = 3_600
/** S3 API, query authentication: at most seven days, whatever a store would take. */
const LONGEST_EXPIRY_SECONDS = 604_800

/** What a bucket is held against. */
export interface BucketScope {
  /** The stores that could be read. */
  readonly stores: ReadonlyMap<string, Store>
  /** All names under `stores`, broken ones too: those have their problems told already. */
  readonly storeNames: ReadonlySet<string>
  readonly report: Report
}

/** A bucket, or `undefined` when no placement of it can be used. */
export function buildBucket(
  name: string,
  input: BucketInput,
  { stores, storeNames, report }: BucketScope,
): ConfiguredBucket | undefined {
  const path: Path = ['buckets', name]
  const placements = buildPlacements(input.placements, {
    stores,
    storeNames,
    path: [...path, 'placements'],
    report,
  })
  if (input.placements.every(({ weight }) => weight === 0)) {
    report.problem(
      [...path, 'placements'],
      'must have one that takes new objects: all have weight 0',
    )
  }
  warnOfWeights(input, path, report)
  const keys = keyRule(input, [...path, 'keys'], report)
  checkTypes(input, path, report)
  checkOneHome(input, keys, { placements, path, report })
  checkWriteOnce(input, keys, { placements, path, report })
  checkDisposition(input, { placements, path, report })
  const download = expiries(input.download, [...path, 'download'], { placements, report })
  const { disposition, stableForSeconds, mayOutliveCredential } = input.download
  if (stableForSeconds > 0 && stableForSeconds >= download.expiresInSeconds) {
    // At the end of a window its URL is as old as the window, and must still work.
    report.problem(
      [...path, 'download', 'stableForSeconds'],
      `must be below expiresInSeconds, ${download.expiresInSeconds}`,
    )
  }
  const upload = buildUpload(input.upload, {
    lifetimes: expiries(input.upload, [...path, 'upload'], { placements, report }),
    stores: placements.map(({ store }) => store),
    path: [...path, 'upload'],
    report,
  })
  const [first, ...others] = placements
  if (first === undefined || keys === undefined) return undefined
  return {
    name,
    placements: [first, ...others],
    placing: input.placing,
    keys,
    upload,
    download: { ...download, disposition, stableForSeconds, mayOutliveCredential },
  }
}

function warnOfWeights({ placements, placing }: BucketInput, path: Path, report: Report): void {
  if (placing.strategy === 'weighted') return
  placements.forEach(({ weight = 0 }, index) => {
    if (weight === 0) return
    report.warn(
      [...path, 'placements', index, 'weight'],
      `is not looked at, only 0 is: placing.strategy is ${placing.strategy}`,
    )
  })
}

function keyRule({ keys }: BucketInput, path: Path, report: Report): KeyRule | undefined {
  const { template, callerPrefix, wholeBucket = false } = keys
  if ((template === undefined) === (callerPrefix === undefined)) {
    report.problem(path, 'must have either "template" or "callerPrefix"')
    return undefined
  }
  if (wholeBucket && callerPrefix !== '') {
    report.problem([...path, 'wholeBucket'], 'goes with an empty "callerPrefix" only')
  }
  if (callerPrefix !== undefined) {
    checkCallerPrefix(callerPrefix, { wholeBucket, path: [...path, 'callerPrefix'], report })
    return { kind: 'caller', callerPrefix }
  }
  if (template === undefined) return undefined
  for (const problem of templateProblems(template)) report.problem([...path, 'template'], problem)
  return { kind: 'template', template }
}

function checkCallerPrefix(
  callerPrefix: string,
  { wholeBucket, path, report }: { wholeBucket: boolean; path: Path; report: Report },
): void {
  if (callerPrefix === '') {
    if (!wholeBucket) report.problem(path, 'is empty: write "wholeBucket: true" if that is meant')
    return
  }
  for (const problem of templateProblems(callerPrefix)) report.problem(path, problem)
  if (!callerPrefix.endsWith('/')) report.problem(path, 'must end in "/"')
  if (
    (['date', 'uuid', 'filename', 'key'] as const).some((name) => usesVariable(callerPrefix, name))
  ) {
    report.problem(path, 'can hold {tenant} and {user} only')
  }
  if (!keepsOwnersApart(callerPrefix)) {
    report.problem(path, 'must have {tenant} and {user} alone between slashes')
  }
}

function checkTypes({ upload, download }: BucketInput, path: Path, report: Report): void {
  upload.contentTypes.forEach((type, index) => {
    const at = [...path, 'upload', 'contentTypes', index]
    if (!isEssence(type)) report.problem(at, 'must be a content type in lower case: type/subtype')
    else if (download.disposition === 'inline' && isActiveType(type)) {
      report.problem(at, 'runs script in browsers, so it cannot go with disposition: inline')
    }
  })
}

interface PlacementScope {
  readonly placements: readonly Placement[]
  readonly path: Path
  readonly report: Report
}

/** A store can only see its own objects: where a name may be in two, none can keep it from being there twice. */
function checkOneHome(
  { upload }: BucketInput,
  keys: KeyRule | undefined,
  { placements, path, report }: PlacementScope,
): void {
  if (upload.writeOnce !== true || keys === undefined) return
  if (hasUniqueKeys({ keys }) || hasOneHome({ placements, keys })) return
  report.problem(
    [...path, 'upload', 'writeOnce'],
    'cannot be kept where a name may be in two stores, as with weight 0, or takes by region, type, size, or by tenant without {tenant} in keys: have {uuid} in keys.template',
  )
}

function checkWriteOnce(
  { upload }: BucketInput,
  keys: KeyRule | undefined,
  { placements, path, report }: PlacementScope,
): void {
  if (upload.writeOnce !== true) {
    if (keys !== undefined) warnOfReplacing({ keys, upload }, { placements, path, report })
    return
  }
  for (const { store } of placements) {
    const { writeOnce, writeOnceMultipart, multipart } = store.capabilities
    // What is not known yet is for the probe to find out.
    if (writeOnce === 'if-none-match' || writeOnce === 'probe') continue
    // Swift keeps it for uploads of parts alone; one PUT is refused when it is asked for.
    if (multipart === 'yes' && writeOnceMultipart === 'yes') continue
    report.problem(
      [...path, 'upload', 'writeOnce'],
      `cannot be kept by store ${quote(store.name)}: the condition is ${writeOnce}`,
    )
  }
}

function warnOfReplacing(
  bucket: { readonly keys: KeyRule; readonly upload: BucketInput['upload'] },
  { placements, path, report }: PlacementScope,
): void {
  const { keys } = bucket
  const upload = { writeOnce: bucket.upload.writeOnce }
  const careless = placements.find(({ store }) => mayReplaceUnsaid({ keys, upload }, store))
  if (careless !== undefined) {
    report.warn(
      [...path, 'upload', 'writeOnce'],
      `is not kept by store ${quote(careless.store.name)}, so uploads can replace each other: set it to false, or have {uuid} in keys.template`,
    )
  } else if (keys.kind === 'template' && !usesVariable(keys.template, 'uuid')) {
    report.warn(
      [...path, 'keys', 'template'],
      'has no {uuid}, so uploads can replace each other: set upload.writeOnce: true',
    )
  }
}

// What is not known yet is for the probe to find out.
function checkDisposition(
  { download }: BucketInput,
  { placements, path, report }: PlacementScope,
): void {
  if (download.disposition !== 'attachment') return
  const dropping = placements.find(({ store }) => store.capabilities.responseOverrides === 'no')
  if (dropping === undefined) return
  report.problem(
    [...path, 'download', 'disposition'],
    `must be inline: store ${quote(dropping.store.name)} has no response overrides`,
  )
}

/** Lifetimes of URLs, none beyond what all stores of the bucket take. */
function expiries(
  asked: {
    readonly expiresInSeconds?: number | undefined
    readonly expiresInSecondsMax?: number | undefined
  },
  path: Path,
  { placements, report }: { placements: readonly Placement[]; report: Report },
): Pick<DownloadRules, 'expiresInSeconds' | 'expiresInSecondsMax'> {
  const longest = Math.min(
    LONGEST_EXPIRY_SECONDS,
    ...placements.map(({ store: { capabilities } }) =>
      Math.max(capabilities.maxExpiresSeconds - capabilities.backdateSeconds, 1),
    ),
  )
  const cap = asked.expiresInSecondsMax ?? Math.min(DEFAULT_EXPIRY_CAP_SECONDS, longest)
  const usual = asked.expiresInSeconds ?? Math.min(DEFAULT_EXPIRY_SECONDS, cap)
  if (cap > longest) {
    report.problem(
      [...path, 'expiresInSecondsMax'],
      `must be at most ${longest}, as its store has it`,
    )
  }
  if (usual > cap) {
    report.problem([...path, 'expiresInSeconds'], `must be at most expiresInSecondsMax, ${cap}`)
  }
  return { expiresInSeconds: usual, expiresInSecondsMax: cap }
}
