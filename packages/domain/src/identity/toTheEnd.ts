/** Runs what can be done step by step at once. */
export function toTheEnd<T>(steps: Generator<unknown, T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}
