/** A node:http server that reads each body and forgets it: what Node's HTTP costs by itself. Prints its port. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((request, response) => {
  request.resume()
  request.on('end', () => response.end('{}'))
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})
// Ends with whoever started it.
process.stdin.resume().on('end', () => process.exit(0))
