/**
 * The kind of client that shops write themselves: plain HTTP, the key only in the body, exactly what the CRM, the
 * mail tool and the help desk of the demo use. It resends a batch as it is when the answer asks for it.
 */
export interface BatchAnswer {
  status: number
  accepted: number
  rejected: { index: number; messageId?: string; code: string; message: string }[]
  position?: string
}

/** Times a refused batch (429, 503) is sent again before giving up. */
const MAX_TRIES = 20

export class OfficeClient {
  readonly #url: string
  readonly #writeKey: string

  constructor(url: string, writeKey: string) {
    this.#url = url
    this.#writeKey = writeKey
  }

  /** Sends one batch of raw events; resolves with the collector's verdict. */
  async send(events: Record<string, unknown>[]): Promise<BatchAnswer> {
    return this.post(toJson({ writeKey: this.#writeKey, sentAt: new Date().toISOString(), batch: events }))
  }

  /** Sends a body as it is, for what must be refused too. */
  async post(body: string): Promise<BatchAnswer> {
    for (let attempt = 1; ; attempt++) {
      const response = await fetch(`${this.#url}/v1/batch`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      const answer = (await response.json()) as Partial<BatchAnswer>
      const again = response.status === 429 || response.status === 503
      if (!again || attempt === MAX_TRIES) {
        return {
          status: response.status,
          accepted: answer.accepted ?? 0,
          rejected: answer.rejected ?? [],
          ...(answer.position === undefined ? {} : { position: answer.position }),
        }
      }
      await new Promise((resolve) =>
        setTimeout(resolve, Number(response.headers.get('retry-after') ?? 1) * 1000),
      )
    }
  }
}

/** In Node since 21, not yet in TypeScript's library. */
const json = JSON as typeof JSON & { rawJSON(text: string): unknown }

/** JSON text in which a bigint stays the number it is. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, v: unknown) => (typeof v === 'bigint' ? json.rawJSON(String(v)) : v))
}
