/** The Java to use: JAVA_HOME's when it is set, as Maven does, else the one on the PATH. */
import { join } from 'node:path'

export function javaCommand(environment: Record<string, string | undefined> = process.env): string {
  const home = environment['JAVA_HOME']
  return home ? join(home, 'bin', 'java') : 'java'
}
