/**
 * Secrets come from mounted files and nowhere else; they are never part of an error, a log line or a topic.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export class SecretFileError extends Error {
  override readonly name = 'SecretFileError'
  readonly code: 'SECRET_MISSING' | 'SECRET_EMPTY' | 'SECRET_NAME'
  constructor(code: 'SECRET_MISSING' | 'SECRET_EMPTY' | 'SECRET_NAME', message: string) {
    super(message)
    this.code = code
  }
}

/** Content of a mounted secret without the line break at its end. */
export function readSecretFile(path: string): string {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new SecretFileError(
      'SECRET_MISSING',
      `the secret file ${path} cannot be read (${reason}); mount it`,
    )
  }
  const secret = content.replace(/[\r\n]+$/, '')
  if (secret === '') throw new SecretFileError('SECRET_EMPTY', `the secret file ${path} is empty; fill it`)
  return secret
}

/** A secret that a document names, `{file: name}`, from the one configured folder. */
export function loadSecretFile(dir: string | undefined, name: string): string {
  // A document is written by people who may not read the file system: a name is one file in one folder.
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,252}$/.test(name)) {
    throw new SecretFileError(
      'SECRET_NAME',
      `"${name}" is no name of a secret file: letters, digits, ".", "_" and "-" only`,
    )
  }
  if (dir === undefined) {
    throw new SecretFileError(
      'SECRET_MISSING',
      `the secret "${name}" is asked for but SECRETS_DIR is not set; set it`,
    )
  }
  return readSecretFile(join(dir, name))
}

/** The workspace's key: at least 32 characters, so that identifier ids cannot be guessed back to their values. */
export function loadWorkspaceKey(path: string | undefined): string {
  if (path === undefined) {
    throw new SecretFileError(
      'SECRET_MISSING',
      'WORKSPACE_KEY_FILE is not set; set it to a file with 32 or more random characters',
    )
  }
  const key = readSecretFile(path)
  if (key.length < 32) {
    throw new SecretFileError(
      'SECRET_EMPTY',
      `the workspace key in ${path} has fewer than 32 characters; make it longer`,
    )
  }
  return key
}
