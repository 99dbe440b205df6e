import {
  decodeProduced,
  encodeProduce,
  type Lane,
  type ProducedLane,
  type ProduceOptions,
} from './encodeProduce.ts'

/**
 * The part of a broker's connections that takes a request as bytes; versions are agreed on when it is found. With
 * `headroom` the patched kafkajs writes the head before the body in the same memory instead of copying both.
 */
interface Connections {
  send(protocol: {
    request: {
      apiKey: number
      apiVersion: number
      apiName: string
      encode: () => { buffer: Buffer; headroom: Buffer }
    }
    response: { decode: (answer: Buffer) => Promise<unknown>; parse: (decoded: unknown) => Promise<unknown> }
  }): Promise<unknown>
}

/** Length, key, version, correlation and the client's id, whose length Kafka does not limit: with a longer one it is copied. */
const HEADROOM_BYTES = 256

/** One Produce request to one broker, over kafkajs's connection to it; every lane's answer is in the result. */
export async function produceTo(
  broker: object,
  lanes: readonly Lane[],
  options: Omit<ProduceOptions, 'headroom'>,
): Promise<ProducedLane[]> {
  const { connectionPool } = broker as { connectionPool: Connections }
  const whole = encodeProduce(lanes, { ...options, headroom: HEADROOM_BYTES })
  const encoded = { buffer: whole.subarray(HEADROOM_BYTES), headroom: whole.subarray(0, HEADROOM_BYTES) }
  const answer = await connectionPool.send({
    request: { apiKey: 0, apiVersion: 7, apiName: 'Produce', encode: () => encoded },
    response: {
      decode: (bytes) => Promise.resolve(decodeProduced(bytes)),
      parse: (decoded) => Promise.resolve(decoded),
    },
  })
  // Answered, so all of it has been read. Left to the garbage collector it would count as a reason to mark the heap.
  ;(whole.buffer as ArrayBuffer).transfer(0)
  return answer as ProducedLane[]
}
