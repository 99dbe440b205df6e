import { expect, test } from '@jest/globals'
import { problemsIn } from './committedFileProblems.ts'

const home = ['', 'home', 'someone', 'project'].join('/')

test('paths of one machine are found, relative ones and URLs are not', () => {
  expect(problemsIn('a.md', `see ${home}/x`, undefined)).toHaveLength(1)
  expect(
    problemsIn('a.md', "run('.data/x', '../work/y'); https://host/home/page; $HOME/work/z", undefined),
  ).toEqual([])
})

test("this machine's registry is found, and any download address in the lock file", () => {
  expect(problemsIn('a.md', 'from npm.example:4873', 'npm.example:4873')).toHaveLength(1)
  expect(problemsIn('pnpm-lock.yaml', '  tarball: https://host/x.tgz', undefined)).toHaveLength(1)
  expect(problemsIn('a.md', 'tarball: https://host/x.tgz', undefined)).toEqual([])
})

test('what a run or a profiler leaves behind is found by its name', () => {
  expect(problemsIn('isolate-0x1-v8.log', '', undefined)).toEqual([
    'isolate-0x1-v8.log: was left behind by a run: remove it',
  ])
  expect(problemsIn('packages/kafka/src/ports/log.ts', '', undefined)).toEqual([])
})
