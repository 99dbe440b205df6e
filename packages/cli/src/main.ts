#!/usr/bin/env node
import { userInfo } from 'node:os'
import { run } from './run.ts'

const interruption = new AbortController()
process.once('SIGINT', () => {
  interruption.abort()
  // What follows a topic ends in order within this time; what waits for an answer is cut off. ms.
  setTimeout(() => process.exit(130), 1000).unref()
})
// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
  colour: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
  now: () => Date.now(),
  user: userName(),
  interrupted: interruption.signal,
})

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // A container's user id without an entry in its user list.
    return 'unknown'
  }
}
