import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from '@jest/globals'
import type { Context } from './context.ts'
import { createProgram } from './program.ts'

test('the reference lists every command', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/reference/cli.md'), 'utf8')
  const names = (command: Command, above: string): string[] =>
    command.commands.length === 0
      ? [`${above}${command.name()}`]
      : command.commands.flatMap((each) => names(each, `${above}${command.name()} `))
  const program = createProgram(
    {} as Context,
    () => undefined,
    () => Promise.reject(new Error('not asked')),
  )
  const commands = names(program, '')
  expect(commands.length).toBeGreaterThan(15)
  expect(commands.filter((name) => !text.includes(`\`${name}`))).toEqual([])
})
