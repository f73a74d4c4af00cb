import { authenticate } from './authenticate.ts'
import {
  headBucket,
  listObjects,
  listUploads,
  listVersions,
  noSuch,
  readVersioning,
} from './bucket-calls.ts'
import { type Answer, Call, type Received, type World } from './call.ts'
import { corsHeaders, corsSettings, preflight } from './cors.ts'
import { abortUpload, completeUpload, createUpload, listParts, putPart } from './multipart.ts'
import { postForm } from './post-form.ts'
import { putObject } from './put-object.ts'
import { deleteObject, readAcl, readObject, readTags } from './read-object.ts'
import { accessDenied, notImplemented, S3Error } from './s3-error.ts'
import { xmlOf } from './xml-of.ts'

/** One request from beginning to end; never throws what a client could cause. */
export async function answerCall(world: World, received: Received): Promise<Answer> {
  const call = new Call(world, received)
  try {
    const answer = await dispatch(call)
    const { refused } = call
    if (refused !== undefined) return errorAnswer(call, refused)
    return { ...answer, headers: { ...corsHeaders(call), ...answer.headers } }
  } catch (error) {
    if (error instanceof S3Error) return errorAnswer(call, error)
    throw error
  }
}

function dispatch(call: Call): Answer | Promise<Answer> {
  const { method, key } = call.received
  if (method === 'OPTIONS') return preflight(call)
  const isForm = call.header('content-type')?.startsWith('multipart/form-data') === true
  if (method === 'POST' && key === '' && isForm) return postForm(call)
  authenticate(call)
  void call.bucket
  return key === '' ? ofBucket(call) : ofObject(call)
}

function ofBucket(call: Call): Answer | Promise<Answer> {
  const { method } = call.received
  const asks = (name: string) => call.query(name) !== undefined
  if (asks('cors')) return corsSettings(call)
  if (method === 'HEAD') return headBucket(call)
  if (method !== 'GET') throw notImplemented(`${method} of a bucket`)
  if (asks('uploads')) return listUploads(call)
  if (asks('versions')) return listVersions(call)
  if (asks('versioning')) return readVersioning(call)
  for (const [name, what] of [
    ['lifecycle', 'LifecycleConfiguration'],
    ['policy', 'BucketPolicy'],
    ['tagging', 'TagSet'],
  ] as const) {
    if (asks(name)) throw noSuch(what)
  }
  return listObjects(call)
}

function ofObject(call: Call): Answer | Promise<Answer> {
  const { method } = call.received
  const asks = (name: string) => call.query(name) !== undefined
  if (method === 'POST' && asks('uploads')) return createUpload(call)
  if (asks('uploadId')) {
    if (method === 'PUT') return putPart(call)
    if (method === 'GET') return listParts(call)
    if (method === 'POST') return completeUpload(call)
    if (method === 'DELETE') return abortUpload(call)
  }
  if (method === 'GET' && asks('tagging')) return readTags(call)
  if (method === 'GET' && asks('acl')) return readAcl(call)
  if (method === 'PUT') return putObject(call)
  if (method === 'GET' || method === 'HEAD') return readObject(call)
  if (method === 'DELETE') return deleteObject(call)
  throw call.credential === undefined ? accessDenied() : notImplemented(method)
}

function errorAnswer(call: Call, { status, code, message, more }: S3Error): Answer {
  const body = xmlOf('Error', [
    ['Code', code],
    ['Message', message],
    ...Object.entries(more),
    ['RequestId', 'hostile'],
  ]).replace(/ xmlns="[^"]*"/, '')
  const headers = { ...corsHeaders(call), 'content-type': 'application/xml' }
  return { status, headers, body }
}
