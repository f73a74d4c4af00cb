import { AwsV4Signer } from 'aws4fetch'
import { describe, expect, it } from 'vitest'
import { EXAMPLE_CREDENTIAL } from '../stores/store-fixture.ts'

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const HOST = 'https://examplebucket.s3.amazonaws.com'

// What the gateway's own calls rest on: the examples of AWS's page on the Authorization header.
describe('aws4fetch in headers', () => {
  it.each([
    {
      name: 'GET Object',
      method: 'GET',
      url: `${HOST}/test.txt`,
      headers: { range: 'bytes=0-9', 'x-amz-content-sha256': EMPTY },
      signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    },
    {
      name: 'PUT Object',
      method: 'PUT',
      url: `${HOST}/test%24file.text`,
      headers: {
        date: 'Fri, 24 May 2013 00:00:00 GMT',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
      },
      signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    },
    {
      name: 'GET Bucket Lifecycle',
      method: 'GET',
      url: `${HOST}/?lifecycle`,
      headers: { 'x-amz-content-sha256': EMPTY },
      signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    },
    {
      name: 'List Objects',
      method: 'GET',
      url: `${HOST}/?max-keys=2&prefix=J`,
      headers: { 'x-amz-content-sha256': EMPTY },
      signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    },
    {
      name: 'the seed of a streaming PUT',
      method: 'PUT',
      url: 'https://s3.amazonaws.com/examplebucket/chunkObject.txt',
      headers: {
        'content-encoding': 'aws-chunked',
        'content-length': '66824',
        'x-amz-decoded-content-length': '66560',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
      },
      signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    },
  ])("gives AWS's signature: $name", async ({ method, url, headers, signature }) => {
    const signer = new AwsV4Signer({
      method,
      url,
      headers,
      accessKeyId: EXAMPLE_CREDENTIAL.accessKeyId,
      secretAccessKey: EXAMPLE_CREDENTIAL.secretAccessKey.reveal(),
      service: 's3',
      region: 'us-east-1',
      datetime: '20130524T000000Z',
      allHeaders: true,
    })
    expect(await signer.signature()).toBe(signature)
  })
})
