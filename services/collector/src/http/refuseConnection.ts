import { STATUS_CODES, type ServerResponse } from 'node:http'
import { type Duplex } from 'node:stream'
import { refuse, wireFault } from './answer.ts'

/** Node keeps the response whose turn it is on the connection; it has no other way to find it. */
type Connection = Duplex & { readonly _httpMessage?: ServerResponse | null }

/**
 * Answers what is no request, or did not end in time, and closes the connection. A request that came whole before it
 * gets its own answer first: the client would take this one for it, and send again what is kept.
 */
export function refuseConnection(connection: Connection, code: string | undefined): void {
  if (!connection.writable) return
  // oxlint-disable-next-line no-underscore-dangle -- Node's own name for it
  const current = connection._httpMessage
  if (current?.req.complete && !current.writableFinished) {
    current.once('close', () => {
      refuseConnection(connection, code)
    })
    return
  }
  const { status, body } = refuse(wireFault(code))
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncontent-type: application/json\r\n`
  const cors = 'access-control-allow-origin: *\r\nconnection: close\r\n'
  connection.end(`${head}${cors}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`, () => {
    connection.destroy()
  })
}
