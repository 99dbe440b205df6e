/** How long a question for a profile takes while events come in, beside what gRPC takes by itself at the same moment. */
import { setTimeout as sleep } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import {
  GetProfileResponse,
  ProfileServiceClient,
} from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { callUnary } from '@tributary/service-kit'
import { type BenchPipeline, benchPipeline } from '../benchPipeline.ts'
import type { Bar } from '../bar.ts'
import { percentiles } from '../percentiles.ts'
import { EVENTS_PER_REQUEST, PEOPLE, createPipelineLoad, userOf } from '../pipelineLoad.ts'
import { startPortProcess } from '../portProcess.ts'

/** Events a second that come in all the while: a fifth of what the design asks of two cores. */
const INGEST_RATE = 1_000
const INGEST_WARM_SECONDS = 15
/** Of so many questions under way at a time the capacity is measured. */
const AT_ONCE = 32
const CAPACITY_SECONDS = 3
const SECONDS = 10
/** Between two looks at what is due, ms. */
const BURST_MS = 5
/** Never what ends a question: the worst are what is looked for. */
const DEADLINE_MS = 60_000

export const bars: Bar[] = [
  {
    name: 'pipeline-get-p99',
    about: `p99 of GetProfile by identifier at half of the rate that the profile-store answers at most, open loop, while ${INGEST_RATE} events a second come in; beside a grpc-js server that answers constant bytes of the same size, asked the same way under the same load. Each is a process of its own.`,
    unit: 'ms',
    better: 'lower',
    // Reading is a look into a local store; a batch of events may be under way in the same thread.
    goal: 2,
    runs: 3,
    async prepare() {
      const pipeline = await benchPipeline()
      const { profiles, metadata } = pipeline
      const ended = new AbortController()
      const ingest = keepIngesting(pipeline, ended.signal)
      await sleep(INGEST_WARM_SECONDS * 1000)
      const answer = await ask(profiles, 0)
      const bytes = Buffer.from(GetProfileResponse.encode(answer).finish()).toString('base64')
      const constant = await startPortProcess('constantServerMain.ts', bytes)
      const other = new ProfileServiceClient(`127.0.0.1:${constant.port}`, credentials.createInsecure())
      await capacityOf(profiles)
      const half = (await capacityOf(profiles)) / 2
      process.stderr.write(`half load: ${half.toFixed(0)} questions a second\n`)
      return {
        ours: () => p99At(half, 'profile-store', profiles),
        reference: () => p99At(half, 'constant bytes', other),
        async close() {
          ended.abort()
          await ingest
          other.close()
          constant.stop()
        },
      }

      function ask(client: ProfileServiceClient, n: number) {
        const identifier = { type: 'user_id', value: userOf(n % PEOPLE) }
        return callUnary(
          client.getProfile.bind(client),
          { ref: { ref: { $case: 'identifier', value: identifier } } },
          { deadlineMs: DEADLINE_MS, metadata },
        )
      }

      /** Answers a second, closed loop. */
      async function capacityOf(client: ProfileServiceClient): Promise<number> {
        const until = performance.now() + CAPACITY_SECONDS * 1000
        let answers = 0
        const one = async (): Promise<void> => {
          // oxlint-disable-next-line no-await-in-loop -- so many at a time
          while (performance.now() < until) await ask(client, 13 * answers++)
        }
        await Promise.all(Array.from({ length: AT_ONCE }, one))
        return answers / CAPACITY_SECONDS
      }

      async function p99At(perSecond: number, name: string, client: ProfileServiceClient): Promise<number> {
        const fromMs = performance.now()
        const taken: Promise<number>[] = []
        const timed = async (n: number): Promise<number> => {
          const sentMs = performance.now()
          await ask(client, n)
          return performance.now() - sentMs
        }
        for (let nowMs = fromMs; nowMs < fromMs + SECONDS * 1000; nowMs = performance.now()) {
          const due = ((nowMs - fromMs) / 1000) * perSecond
          while (taken.length < due) taken.push(timed(13 * taken.length))
          // oxlint-disable-next-line no-await-in-loop -- a steady rate
          await sleep(BURST_MS)
        }
        const { p50, p99 } = percentiles(await Promise.all(taken))
        process.stderr.write(`${name}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms\n`)
        return p99
      }
    },
  },
]

async function keepIngesting({ target }: BenchPipeline, signal: AbortSignal): Promise<void> {
  const load = createPipelineLoad(target)
  while (!signal.aborted) {
    const fromMs = performance.now()
    const due = () =>
      Promise.resolve(((performance.now() - fromMs) / 1000) * (INGEST_RATE / EVENTS_PER_REQUEST))
    // oxlint-disable-next-line no-await-in-loop -- until it is told to stop
    await load.open(due, 1)
  }
  await load.answered()
  load.close()
}
