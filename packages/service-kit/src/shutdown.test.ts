import { expect, test } from '@jest/globals'
import { createShutdown } from './shutdown.ts'

test('steps run last in, first out, one after another', async () => {
  const effects: string[] = []
  const shutdown = createShutdown()
  for (const name of ['producer', 'tasks', 'grpc']) {
    shutdown.onStop(name, async () => {
      effects.push(`${name} begins`)
      await Promise.resolve()
      effects.push(`${name} ends`)
    })
  }
  await shutdown.run()
  expect(effects).toEqual([
    'grpc begins',
    'grpc ends',
    'tasks begins',
    'tasks ends',
    'producer begins',
    'producer ends',
  ])
})

test('a step that fails is reported and does not keep the others from running', async () => {
  const shutdown = createShutdown()
  const effects: string[] = []
  shutdown.onStop('first', () => {
    effects.push('first')
  })
  shutdown.onStop('second', () => {
    throw new Error('broken')
  })
  expect(await shutdown.run()).toEqual([{ name: 'second', error: new Error('broken') }, { name: 'first' }])
  expect(effects).toEqual(['first'])
})
