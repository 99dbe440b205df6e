/** Which engine connection a request gets: a new one, or the one its session keeps. */
import type { Engine, EngineConnection } from './engine.ts'
import type { FrontRequest } from './readRequest.ts'

export interface Lease {
  connection: EngineConnection
  /** True when the connection outlives the request. */
  kept: boolean
  release(): void
}

export interface Sessions {
  take(request: Pick<FrontRequest, 'sessionId' | 'sessionTimeoutSeconds'>): Lease
  closeAll(): void
}

interface Kept {
  connection: EngineConnection
  busy: boolean
  timer: NodeJS.Timeout | undefined
}

export function createSessions(engine: Engine): Sessions {
  const kept = new Map<string, Kept>()

  function takeKept(id: string, timeoutSeconds: number): Lease {
    const session = kept.get(id) ?? { connection: engine.connect(), busy: false, timer: undefined }
    if (session.busy) {
      throw new Error(
        `Code: 373. DB::Exception: Session ${id} is locked by a concurrent client. (SESSION_IS_LOCKED)`,
      )
    }
    clearTimeout(session.timer)
    session.busy = true
    kept.set(id, session)
    return {
      connection: session.connection,
      kept: true,
      release() {
        session.busy = false
        session.timer = setTimeout(() => {
          kept.delete(id)
          session.connection.close()
        }, timeoutSeconds * 1000).unref()
      },
    }
  }

  return {
    take({ sessionId, sessionTimeoutSeconds }) {
      if (sessionId !== undefined) return takeKept(sessionId, sessionTimeoutSeconds)
      const connection = engine.connect()
      return { connection, kept: false, release: () => connection.close() }
    },
    closeAll() {
      for (const { connection, timer } of kept.values()) {
        clearTimeout(timer)
        connection.close()
      }
      kept.clear()
    },
  }
}
