import { type Answer, answerOf, isRefused, isTaken, textOfAnswer } from './answer.ts'
import { secondType } from './duplicates.ts'
import {
  type Attack,
  allOf,
  capability,
  finding,
  judge,
  type Looked,
  together,
  verdict,
} from './look.ts'
import { FIVE, OTHER_FIVE } from './request.ts'
import type { ProbeRun } from './run.ts'

/** Step 4: GET, HEAD and DELETE by URL, and URLs that are used for another method than their own. */
export async function probeMethods(run: ProbeRun): Promise<Looked> {
  const key = run.newKey()
  await run.write({ key })
  const got = await run.read({ method: 'GET', key })
  const same = isTaken(got) && got.text === FIVE
  const head = await run.ask({ method: 'HEAD', key })
  const bound = await judge(misuses(run, key))
  const { manage } = run.placement.store.credentials
  const gone = await run.tell({ method: 'DELETE', key, credential: manage })
  const isGone = isTaken(gone) && (await run.sizeOf(key)) === undefined
  return together(
    finding(4, 'presignGet', verdict(same, `GET: ${got.status}`)),
    finding(4, 'presignHead', verdict(isTaken(head), `HEAD: ${head.status}`)),
    finding(4, 'presignDelete', verdict(isGone, `DELETE: ${textOfAnswer(gone)}`)),
    capability(4, 'methodBound', bound),
  )
}

/** A HEAD by the URL of a GET tells nothing that the GET would not; all others do harm. */
function misuses(run: ProbeRun, key: string): readonly Attack[] {
  const misuse = (signed: 'GET' | 'PUT', used: string, body?: string): Attack => ({
    label: `${signed} URL for ${used}`,
    strike: async () => {
      // Nothing but the host is signed: a header that is missing would be refused for itself.
      const answer = await run.tell(
        { method: signed, key },
        {
          method: used,
          ...(body !== undefined && { body: () => new TextEncoder().encode(body) }),
        },
      )
      const held = isRefused(answer) && (await isUnchanged(run, key))
      return { held, seen: textOfAnswer(answer) }
    },
  })
  return [
    misuse('GET', 'PUT', OTHER_FIVE),
    misuse('GET', 'DELETE'),
    misuse('PUT', 'GET'),
    misuse('PUT', 'DELETE'),
    misuse('PUT', 'POST', OTHER_FIVE),
  ]
}

async function isUnchanged(run: ProbeRun, key: string): Promise<boolean> {
  const got = await run.read({ method: 'GET', key })
  return isTaken(got) && got.text === FIVE
}

/** Plain, as most names are; the second is what a name beyond ASCII needs (RFC 8187). */
const DISPOSITION = 'attachment; filename="a b.txt"'
const EXTENDED = `attachment; filename="a_.txt"; filename*=UTF-8''a%C3%A9.txt`

/** Step 22: the name under which a download is saved, and its type; and that nobody can have another. */
export async function probeOverrides(run: ProbeRun): Promise<Looked> {
  const key = await run.example()
  const echoes = async (parameter: string, header: string, value: string) => {
    const query = new Map([[parameter, value]])
    const response = await run.ask({ method: 'GET', key, query })
    const answer = await answerOf(response)
    const same = isTaken(answer) && response.headers.get(header) === value
    return { same, seen: `${header}: ${textOfEcho(answer, same)}` }
  }
  const name = await echoes('response-content-disposition', 'content-disposition', DISPOSITION)
  const long = await echoes('response-content-disposition', 'content-disposition', EXTENDED)
  const type = await echoes('response-content-type', 'content-type', 'application/x-probe')
  const bound = await judge(secondType(run, key))
  return together(
    capability(22, 'responseOverrides', allOf(verdict(name.same, name.seen), bound)),
    finding(22, 'extendedFilename', verdict(long.same, long.seen)),
    finding(22, 'responseType', verdict(type.same, type.seen)),
  )
}

function textOfEcho(answer: Answer, same: boolean): string {
  if (!isTaken(answer)) return textOfAnswer(answer)
  return `${answer.status}, ${same ? 'echoed' : 'not echoed'}`
}
