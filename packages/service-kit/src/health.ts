/**
 * What this process says about itself. Two questions, never mixed:
 *  - alive: should it be killed? Only when it has found itself broken. No dependency is ever asked (H1).
 *  - ready: should it get traffic? Only when every component that was named is ready and it is not draining (H2).
 *
 *      starting ──setReady(all)──▶ ready ──setDraining──▶ draining      (never back)
 *          ▲                        │
 *          └────setReady(x,false)───┘          any ──setFatal──▶ fatal  (never back)
 */
export interface ComponentHealth {
  readonly ready: boolean
  readonly detail?: string
}

export interface HealthReport {
  readonly status: 'starting' | 'ready' | 'draining' | 'fatal'
  readonly reason?: string
  readonly components: Readonly<Record<string, ComponentHealth>>
}

export interface Health {
  /** Names a component and says whether it is ready; `detail` is for people, for example "restoring, 1,200 to go". */
  setReady(component: string, ready: boolean, detail?: string): void
  setDraining(): void
  setFatal(reason: string): void
  isReady(): boolean
  isAlive(): boolean
  /** From `setDraining` on: it still answers, and whoever asks should go elsewhere next. */
  isDraining(): boolean
  report(): HealthReport
  /** Called when `isReady` changes, and once at once. */
  onReadyChange(listener: (ready: boolean) => void): void
}

export function createHealth(): Health {
  const components = new Map<string, ComponentHealth>()
  const listeners: ((ready: boolean) => void)[] = []
  let draining = false
  let fatal: string | undefined
  let last = false

  // With no component named yet nobody knows, so it is not ready (H2).
  const isReady = (): boolean =>
    fatal === undefined && !draining && components.size > 0 && [...components.values()].every((c) => c.ready)

  function changed(): void {
    const now = isReady()
    if (now === last) return
    last = now
    for (const listener of listeners) listener(now)
  }

  return {
    setReady(component, ready, detail) {
      components.set(component, detail === undefined ? { ready } : { ready, detail })
      changed()
    },
    setDraining() {
      draining = true
      changed()
    },
    setFatal(reason) {
      fatal ??= reason
      changed()
    },
    isReady,
    isAlive: () => fatal === undefined,
    isDraining: () => draining,
    report() {
      const status = fatal !== undefined ? 'fatal' : draining ? 'draining' : isReady() ? 'ready' : 'starting'
      const sorted = [...components].sort(([a], [b]) => (a < b ? -1 : 1))
      return {
        status,
        ...(fatal === undefined ? {} : { reason: fatal }),
        components: Object.fromEntries(sorted),
      }
    },
    onReadyChange(listener) {
      listeners.push(listener)
      listener(isReady())
    },
  }
}
