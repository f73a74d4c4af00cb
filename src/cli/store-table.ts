import type { StoreBucketView, StoreRoomView, StoreView } from '../gateway/store-view.ts'
import type { Signed, WhatIsSigned } from '../gateway/what-is-signed.ts'
import { columns, type Line, printable } from './columns.ts'

/** A probe for people: when and how, every step, and what follows for callers. */
export function storeBucketTable(store: string, view: StoreBucketView): string {
  const { bucket, lastProbe } = view
  if (lastProbe === undefined)
    return `${printable(`${store}, bucket ${bucket}`)}: nobody has looked\n`
  const { findings, leftovers, complete } = lastProbe
  const lines = findings.map(({ step, name, value, seen }) => [step, name, valueText(value), seen])
  return [
    printable(`${store}, bucket ${bucket}: ${howText(lastProbe)}`),
    '\n\n',
    ...columns([['step', 'what', 'value', 'seen'], ...lines]),
    '\n',
    ...signedLines(view.signed),
    complete ? '' : '\nNot complete: what is unknown is not relied upon, and looked at again\n',
    leftovers.length === 0 ? '' : `\nNot removed, and yours to remove:\n${listText(leftovers)}`,
  ].join('')
}

/** All stores: where they are, how they do, when they were looked at, and what is signed. */
export function storesTable(stores: readonly StoreView[]): string {
  const parts = stores.map((store) => {
    const { name, provider, endpoint, health, healthCheckSeconds, room, buckets } = store
    const looked = buckets.map(({ bucket, lastProbe }) => [
      bucket,
      lastProbe === undefined ? 'not probed' : howText(lastProbe),
    ])
    const signed = buckets.flatMap((bucket) => bucket.signed)
    return [
      printable(`${name} (${provider}) at ${endpoint}`),
      '\n',
      `${printable(healthText(health, healthCheckSeconds))}\n`,
      ...(room === undefined ? [] : [`${printable(roomText(room))}\n`]),
      ...columns(looked),
      ...(signed.length === 0 ? [] : signedLines(signed)),
    ].join('')
  })
  return parts.length === 0 ? 'No stores\n' : parts.join('\n')
}

function healthText(health: StoreView['health'], everySeconds: number): string {
  const { breaker, downSince, lastAnswerAt, lastCheck, timesDown } = health
  return [
    breaker === 'open' ? `down since ${downSince ?? 'now'}` : 'up',
    lastAnswerAt === undefined ? 'has not answered yet' : `last answer ${lastAnswerAt}`,
    everySeconds === 0 ? 'not checked' : `checked every ${everySeconds} s`,
    ...(lastCheck === undefined ? [] : [`last check ${checkText(lastCheck)}`]),
    ...(timesDown === 0 ? [] : [`times down ${timesDown}`]),
  ].join(', ')
}

function roomText({ capacityBytes, usedBytes, pendingBytes }: StoreRoomView): string {
  if (usedBytes === undefined)
    return `holds what the ledger does not tell now, of ${capacityBytes} bytes`
  return `holds ${usedBytes} and waits for ${pendingBytes}, of ${capacityBytes} bytes`
}

type LastCheck = NonNullable<StoreView['health']['lastCheck']>

function checkText({ outcome, status, tookMs }: LastCheck): string {
  return `${outcome}${status === undefined ? '' : ` ${status}`} in ${tookMs} ms`
}

function howText(probe: NonNullable<StoreBucketView['lastProbe']>): string {
  const { endedAt, requests, bytes, server, clockOffsetSeconds, complete, fresh } = probe
  return [
    `probed ${endedAt}`,
    `${requests} requests of ${bytes} bytes`,
    ...(clockOffsetSeconds === undefined ? [] : [`clock ${signedNumber(clockOffsetSeconds)} s`]),
    ...(server === undefined ? [] : [`server ${server}`]),
    ...(complete ? [] : ['not complete']),
    ...(complete && !fresh ? ['out of date'] : []),
  ].join(', ')
}

function signedLines(signed: readonly WhatIsSigned[]): string[] {
  if (signed.length === 0) return ['No bucket puts new objects here\n']
  const lines: Line[] = signed.map(({ bucket, put, post, multipart, download }) => [
    bucket,
    ...[put, post, multipart, download].map(cellOf),
  ])
  return columns([['signed for', 'PUT', 'form', 'parts', 'download'], ...lines])
}

function cellOf(signed: Signed): string {
  if (!signed.signed) return `no: ${signed.capability}`
  const { guarantees } = signed
  if (guarantees === undefined) return 'yes'
  const { size, writeOnce } = guarantees
  return writeOnce ? `yes, ${size} size, once` : `yes, ${size} size`
}

function valueText(value: StoreBucketFinding['value']): string {
  if (!Array.isArray(value)) return String(value)
  return value.length === 0 ? 'none' : value.join(' ')
}

type StoreBucketFinding = NonNullable<StoreBucketView['lastProbe']>['findings'][number]

function signedNumber(value: number): string {
  return value < 0 ? String(value) : `+${value}`
}

function listText(keys: readonly string[]): string {
  return keys.map((key) => `  ${printable(key)}\n`).join('')
}
