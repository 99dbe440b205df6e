import { expect, test } from '@jest/globals'
import { run } from '@tributary/cli'
import { testStack } from '../../support/testStack.ts'
import { openInstallation } from './collectorInstallation.ts'

test('the doctor says of each topic of a source whether it is there and can be read', async () => {
  const installation = await openInstallation()
  try {
    const filled = await installation.createSourceTopic('filled', 2)
    const empty = await installation.createSourceTopic('empty', 1)
    await installation.producer.send([{ topic: filled, partition: 1, key: null, value: '{"type":"page"}' }])
    const reading = (id: string, topic: string) => ({
      kind: 'Source',
      id,
      kafka: { topic, format: 'segment' },
    })
    const missing = `${installation.prefix}.missing`
    await installation.apply([reading('absent', missing), reading('empty', empty), reading('filled', filled)])
    const said: string[] = []
    await run(['doctor', '--json'], {
      env: { KAFKA_BROKERS: testStack().brokers, TOPIC_PREFIX: installation.prefix },
      cwd: '/',
      out: (text) => said.push(text),
      err: () => undefined,
      colour: false,
      now: () => Date.now(),
      user: 'test',
      interrupted: new AbortController().signal,
    })
    const checks = JSON.parse(said.join('\n')) as { area: string; state: string; message: string }[]
    const found = checks.filter(({ area }) => area === 'sources')
    expect(found.map(({ state, message }) => `${state}: ${message}`).sort()).toEqual(
      [
        `fine: source empty: its topic ${empty} can be read`,
        `fine: source filled: its topic ${filled} can be read`,
        `wrong: source absent: its topic ${missing} does not exist`,
      ].sort(),
    )
  } finally {
    await installation.close()
  }
}, 60_000)
