import { expect, test } from '@jest/globals'
import { TaskLife } from './taskLife.ts'

test('a life goes through its states in order and closes cleanly', () => {
  const life = new TaskLife()
  for (const state of ['restoring', 'running', 'draining'] as const) life.to(state)
  life.close('clean')
  expect([life.state, life.closing]).toEqual(['closed', 'clean'])
})

test.each(['created', 'restoring', 'running', 'draining'] as const)(
  'a task that is %s can close dirty',
  (last) => {
    const life = new TaskLife()
    for (const state of ['restoring', 'running', 'draining'] as const)
      if (last !== 'created' && life.state !== last) life.to(state)
    life.close('dirty')
    expect(life.closing).toBe('dirty')
  },
)

test('a running task cannot close cleanly without draining, and a closed one does nothing any more', () => {
  const life = new TaskLife()
  life.to('restoring')
  life.to('running')
  expect(() => life.close('clean')).toThrow('must drain')
  life.close('dirty')
  expect(() => life.to('running')).toThrow('cannot become running')
  expect(() => life.close('dirty')).toThrow('cannot become closed')
})

test('no state is skipped', () => {
  expect(() => new TaskLife().to('running')).toThrow('created cannot become running')
})
