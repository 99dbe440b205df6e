/** Stops what jestStackSetup started, and throws its data away. */
import { rm } from 'node:fs/promises'

export default async function teardown() {
  const started = globalThis.tributaryStack
  if (!started) return
  globalThis.tributaryStack = undefined
  await started.stack.stop()
  await rm(started.dataDir, { recursive: true, force: true })
}
