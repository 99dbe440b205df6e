/**
 * Steps of a graceful stop, last registered first: what was started last depends on what was started before it.
 * A step that fails is reported and the others still run.
 */
export interface Shutdown {
  onStop(name: string, stop: () => Promise<void> | void): void
  run(): Promise<StepResult[]>
}

export interface StepResult {
  readonly name: string
  readonly error?: unknown
}

export function createShutdown(): Shutdown {
  const steps: { name: string; stop: () => Promise<void> | void }[] = []
  return {
    onStop(name, stop) {
      steps.push({ name, stop })
    },
    async run() {
      const results: StepResult[] = []
      // Steps may register further ones while they run; those come next.
      for (let step = steps.pop(); step; step = steps.pop()) {
        try {
          // oxlint-disable-next-line no-await-in-loop -- the order is the point
          await step.stop()
          results.push({ name: step.name })
        } catch (error) {
          results.push({ name: step.name, error })
        }
      }
      return results
    },
  }
}
