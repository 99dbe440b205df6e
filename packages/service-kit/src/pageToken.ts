/** Where a page of an answer ended, as text that its reader gives back as it is and need not understand. */
import { status } from '@grpc/grpc-js'
import { Refusal } from './grpcRefusal.ts'

/** The parts have no slash in them. */
export function pageTokenOf(...parts: readonly (string | number)[]): string {
  return Buffer.from(parts.join('/')).toString('base64url')
}

/** What `pattern` finds in a token of so many characters at most; anything else is refused. */
export function readPageToken(token: string, pattern: RegExp, maxCharacters: number): RegExpExecArray {
  const match = pattern.exec(Buffer.from(token.slice(0, maxCharacters), 'base64url').toString())
  if (!match) throw noPageToken()
  return match
}

export function noPageToken(): Refusal {
  return new Refusal(
    status.INVALID_ARGUMENT,
    'page_token is no token of this method; give the next_page_token as it is',
  )
}
