import { answerOf, isTaken, textOfAnswer } from './answer.ts'
import { type Attack, finding, judge, type Looked } from './look.ts'
import type { ProbeRun } from './run.ts'

/** Step 20: a name that comes twice must not change what was signed. 500 for it is no harm. */
export async function probeDuplicates(run: ProbeRun): Promise<Looked> {
  const key = await run.example()
  const { value, seen } = await judge([...secondExpiry(run, key), ...secondType(run, key)])
  const honoured = value === 'unknown' ? value : value === 'yes' ? 'no' : 'yes'
  return finding(20, 'duplicateParameters', { value: honoured, seen })
}

/** URLs that have expired, and say besides that they live for a week. */
export function secondExpiry(run: ProbeRun, key: string): readonly Attack[] {
  const signedAtMs = run.longAgoMs()
  const strike = async (pair: Placed) => {
    const request = { method: 'GET', key, signedAtMs, expiresInSeconds: 60 } as const
    const answer = await run.tell(request, { url: pair, takes500: true })
    return { held: !isTaken(answer), seen: textOfAnswer(answer) }
  }
  return bothWays('second expiry', 'X-Amz-Expires=604800', strike)
}

/** URLs whose answer is to be HTML by what nobody signed, beside what was signed or alone. */
export function secondType(run: ProbeRun, key: string): readonly Attack[] {
  const strike = (query: ReadonlyMap<string, string>) => async (pair: Placed) => {
    const response = await run.ask({ method: 'GET', key, query }, { url: pair, takes500: true })
    const answer = await answerOf(response)
    const html = response.headers.get('content-type')?.startsWith('text/html') === true
    return { held: !(isTaken(answer) && html), seen: textOfAnswer(answer) }
  }
  const pair = 'response-content-type=text%2Fhtml'
  const signed = new Map([['response-content-type', 'text/plain']])
  return [
    ...bothWays('second response-content-type', pair, strike(signed)),
    ...bothWays('response-content-type more', pair, strike(new Map())),
  ]
}

/** Adds a pair to a signed URL. */
type Placed = (signed: string) => string

function bothWays(
  label: string,
  pair: string,
  strike: (pair: Placed) => ReturnType<Attack['strike']>,
): readonly Attack[] {
  return [
    { label: `${label} behind`, strike: () => strike((signed) => `${signed}&${pair}`) },
    {
      label: `${label} before`,
      strike: () => strike((signed) => signed.replace('?', `?${pair}&`)),
    },
  ]
}
