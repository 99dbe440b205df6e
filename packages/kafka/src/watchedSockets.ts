/**
 * Connections that notice when the other side has fallen silent.
 *
 * kafkajs gives up a request after its time-out and keeps the connection: on one that swallows everything, as after a
 * router or a firewall has forgotten it, every next try is written into the same hole, until the operating system gives
 * up after a quarter of an hour. A broker answers each request, so bytes that went out and nothing that came in for
 * longer than any request may take mean that the connection is dead. It is destroyed; the next try opens another.
 *
 * Silence is counted in ticks of this process, never by the clock: one that was stopped for a minute has not waited.
 */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

/** As kafkajs's own factory has it, ms. */
const KEEP_ALIVE_MS = 60_000
/** So many looks within the time allowed: the error is at most a tenth. */
const TICKS = 10

/** `silenceMs`: longer than a broker may hold any request. */
export function watchedSockets(silenceMs: number): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect)
      : connect({ host, port }, onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    watch(socket, silenceMs)
    return socket
  }
}

function watch(socket: Socket, silenceMs: number): void {
  let read = 0
  /** Bytes that had been written when something was last read. */
  let answered = 0
  let ticks = 0
  const timer = setInterval(() => {
    if (socket.bytesRead !== read || socket.bytesWritten === answered) {
      read = socket.bytesRead
      answered = socket.bytesWritten
      ticks = 0
    } else if (++ticks >= TICKS) {
      clearInterval(timer)
      socket.destroy(new Error(`no answer for ${silenceMs / 1000} s`))
    }
  }, silenceMs / TICKS)
  timer.unref()
  socket.on('close', () => clearInterval(timer))
}
