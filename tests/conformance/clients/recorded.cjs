const { readFileSync } = require('node:fs')
const { request } = require('node:http')
const { gzipSync } = require('node:zlib')

const { ENDPOINT, WRITE_KEY, FIXTURE } = process.env

/** Chunked, as Android sends; once more when the connection breaks. */
function send({ path, headers, gzip, body }) {
  return new Promise((resolve, reject) => {
    const authorization = `Basic ${Buffer.from(`${WRITE_KEY}:`).toString('base64')}`
    const outgoing = request(new URL(path, ENDPOINT), {
      method: 'POST',
      headers: { ...headers, authorization, 'transfer-encoding': 'chunked' },
    })
    outgoing.on('response', (response) => {
      response.resume()
      if (response.statusCode === 200) response.on('end', resolve)
      else reject(new Error(`answered ${response.statusCode}`))
    })
    outgoing.on('error', (error) =>
      error.code === 'ECONNRESET' ? resolve(send({ path, headers, gzip, body })) : reject(error),
    )
    const bytes = gzip ? gzipSync(body) : Buffer.from(body)
    for (let at = 0; at < bytes.length; at += 500) outgoing.write(bytes.subarray(at, at + 500))
    outgoing.end()
  })
}

Promise.all(JSON.parse(readFileSync(FIXTURE, 'utf8')).map(send)).catch((error) => {
  console.error(error)
  process.exit(1)
})
