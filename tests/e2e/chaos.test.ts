/**
 * A short run of `make chaos` on a stack of its own: nothing lost, nothing counted twice, whatever is done to the
 * processes. The long run is the proof; this one notices when a change breaks it.
 */
import { afterAll, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chaosLine } from '../chaos/chaosReport.ts'
import { runChaos } from '../chaos/runChaos.ts'

/** Printed with a failure; another one finds other things, so `make chaos SEED=` takes any. */
const SEED = 11
const DURATION_S = 40
/** Eight services start, 40 s of load, restarts and take-overs until all is settled, on two busy cores. */
const TIMEOUT_MS = 420_000

let folder: string | undefined
const stops: (() => Promise<void>)[] = []

afterAll(async () => {
  for (let stop = stops.pop(); stop; stop = stops.pop()) await stop()
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
}, 60_000)

test(
  'kills, a stall, and outages of Kafka, ClickHouse and the line between: every acknowledged event counts once',
  async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-chaos-'))
    const result = await runChaos({
      seed: SEED,
      durationS: DURATION_S,
      rate: 30,
      folder: join(folder, 'run'),
      say: () => undefined,
      stops,
    })
    expect({ line: chaosLine(result), findings: result.verdict.findings }).toEqual({
      line: expect.stringMatching(/ · lost 0 · counted twice 0 · kills [1-9]\d* · stalls [1-9]/),
      findings: [],
    })
    expect(result.verdict.acknowledged).toBeGreaterThan(500)
  },
  TIMEOUT_MS,
)
