/** Runs the tributary command from source, with the settings of an installation; used by the launcher and by tests. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export interface CommandResult {
  code: number | null
  stdout: string
  stderr: string
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const MAIN = 'packages/cli/src/main.ts'

export async function runTributary(
  args: string[],
  settings: Record<string, string> = {},
): Promise<CommandResult> {
  const child = spawn(
    process.execPath,
    ['--conditions=tributary-source', '--disable-warning=ExperimentalWarning', MAIN, ...args],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '', ...settings } },
  )
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

/** As above, but anything else than exit code 0 is an error with what the command said. */
export async function tributary(args: string[], settings: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await runTributary(args, settings)
  if (code === 0) return stdout
  throw new Error(`tributary ${args.join(' ')} ended with ${code}:\n${`${stderr}${stdout}`.trim()}`)
}
