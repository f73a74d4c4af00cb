import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { until } from '../../support/until.ts'
import { type GatewayUnderTest, uploadBody } from './gateway-under-test.ts'

/** What holds when an operator has a gateway stop; the last of its tests. */
export function describeStopping(suite: () => GatewayUnderTest): void {
  describe('stopping', () => {
    it('201: a request under way gets its answer, new ones are not taken, and it ends with code 0', async () => {
      const { keys, process: child, url } = suite()
      if (child === undefined) return
      const { hostname, port } = new URL(url)
      const body = JSON.stringify(uploadBody('acme/alice/last'))
      const socket = connect(Number(port), hostname)
      let answer = ''
      socket.setEncoding('utf8').on('data', (text: string) => {
        answer += text
      })
      const lines = [
        'POST /v1/uploads HTTP/1.1',
        `Host: ${hostname}:${port}`,
        `Authorization: Bearer ${keys.get('acme/alice')}`,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
      ]
      socket.write(`${lines.join('\r\n')}\r\n\r\n${body.slice(0, 9)}`)
      await once(socket, 'connect')
      child.kill('SIGTERM')
      // Unready first, for balancers; then, a second later, nobody listens any more.
      const state = () =>
        fetch(`${url}/readyz`).then(
          ({ status }) => status,
          () => 'refused',
        )
      const seen = new Set<unknown>()
      await until('it takes no connection', async () => {
        const now = await state()
        if (now !== 200) seen.add(now)
        return now === 'refused'
      })
      // A busy machine may let a whole second pass between two looks.
      expect([...seen].filter((each) => each !== 503)).toEqual(['refused'])
      expect(answer).toBe('')
      socket.write(body.slice(9))
      await once(socket, 'close')
      expect(answer).toMatch(/^HTTP\/1\.1 201 /)
      expect(answer).toMatch(/^connection: close\r$/im)
      expect(await child.ended).toEqual({ code: 0, signal: null })
    })
  })
}
