/** A program that is waited for; what it said is the error when it fails. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'

export interface CommandOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  input?: string | Readable
  /** Standard output and error as they come, line by line. */
  onLine?: (line: string) => void
}

export async function command(
  program: string,
  args: readonly string[],
  { cwd, env, input, onLine }: CommandOptions = {},
): Promise<string> {
  const child = spawn(program, args, {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
  })
  if (typeof input === 'string') child.stdin!.end(input)
  else if (input !== undefined) input.pipe(child.stdin!)
  let stdout = ''
  let all = ''
  const take = (text: string): void => {
    all += text
    for (const line of text.split('\n')) if (line.trim() !== '') onLine?.(line)
  }
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    take(text)
  })
  child.stderr!.setEncoding('utf8').on('data', take)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code === 0) return stdout
  throw new Error(`${program} ${args.slice(0, 6).join(' ')} ended with ${code}:\n${all.slice(-4_000).trim()}`)
}

export function succeeds(program: string, args: readonly string[]): Promise<boolean> {
  return command(program, args).then(
    () => true,
    () => false,
  )
}
