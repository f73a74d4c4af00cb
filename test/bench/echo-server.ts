// What the server framework costs alone: takes JSON, and gives it back with as much padding as its
// one argument says, in bytes. A program.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { announce } from './children.ts'

const padding = 'x'.repeat(Number(process.argv[2]))
const app = new Hono()
app.post('/echo', async (http) => {
  const body: object = await http.req.json()
  return http.json({ ...body, padding }, 201)
})
const server = createAdaptorServer({ fetch: app.fetch, createServer }) as Server
server.listen(0, '127.0.0.1')
await once(server, 'listening')
announce((server.address() as AddressInfo).port)
