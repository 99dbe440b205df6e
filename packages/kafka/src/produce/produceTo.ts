import {
  decodeProduced,
  encodeProduce,
  type Lane,
  type ProducedLane,
  type ProduceOptions,
} from './encodeProduce.ts'

/** The part of a broker's connections that takes a request as bytes; versions are agreed on when it is found. */
interface Connections {
  send(protocol: {
    request: { apiKey: number; apiVersion: number; apiName: string; encode: () => Promise<unknown> }
    response: { decode: (answer: Buffer) => Promise<unknown>; parse: (decoded: unknown) => Promise<unknown> }
  }): Promise<unknown>
}

/** One Produce request to one broker, over kafkajs's connection to it; every lane's answer is in the result. */
export async function produceTo(
  broker: object,
  lanes: readonly Lane[],
  options: ProduceOptions,
): Promise<ProducedLane[]> {
  const { connectionPool } = broker as { connectionPool: Connections }
  const body = encodeProduce(lanes, options)
  const answer = await connectionPool.send({
    request: {
      apiKey: 0,
      apiVersion: 7,
      apiName: 'Produce',
      encode: () => Promise.resolve({ buf: body, buffer: body }),
    },
    response: {
      decode: (bytes) => Promise.resolve(decodeProduced(bytes)),
      parse: (decoded) => Promise.resolve(decoded),
    },
  })
  return answer as ProducedLane[]
}
