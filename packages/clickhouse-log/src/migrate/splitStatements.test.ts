import { expect, test } from '@jest/globals'
import { splitStatements } from './splitStatements.ts'

test.each([
  ['two statements', 'SELECT 1;\nSELECT 2', ['SELECT 1', 'SELECT 2']],
  [
    'a semicolon in a string',
    "SELECT 'a;b'; SELECT 'it''s; \\'so'",
    ["SELECT 'a;b'", "SELECT 'it''s; \\'so'"],
  ],
  ['a semicolon in a name', 'SELECT `a;b`;', ['SELECT `a;b`']],
  ['comments', '-- one; two\nSELECT 1 -- three;\n; /* four; */', ['SELECT 1']],
  ['dashes in a string', "SELECT '--no comment';", ["SELECT '--no comment'"]],
  ['nothing', ' \n-- only a comment\n', []],
])('%s', (_name, sql, expected) => {
  expect(splitStatements(sql)).toEqual(expected)
})
