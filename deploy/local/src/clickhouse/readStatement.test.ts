import { describe, expect, test } from '@jest/globals'
import { readStatement } from './readStatement.ts'

describe('an INSERT with data is cut so that the rows can come from a file', () => {
  const cases: [name: string, text: string, head: string, tail: string, data: string][] = [
    ['query alone', 'INSERT INTO t FORMAT JSONEachRow', 'INSERT INTO t', 'FORMAT JSONEachRow', ''],
    [
      'columns',
      'insert into `a b`.t (x, `y)`) format TSV\n1\t2',
      'insert into `a b`.t (x, `y)`)',
      'FORMAT TSV',
      '1\t2',
    ],
    [
      'except',
      'INSERT INTO t (* EXCEPT (a)) FORMAT CSV\r\n1',
      'INSERT INTO t (* EXCEPT (a))',
      'FORMAT CSV',
      '1',
    ],
    [
      'settings',
      "INSERT INTO t SETTINGS insert_deduplication_token='a;FORMAT b' FORMAT RowBinary ",
      'INSERT INTO t',
      "SETTINGS insert_deduplication_token='a;FORMAT b' FORMAT RowBinary",
      '',
    ],
    ['values', 'INSERT INTO t VALUES (1);(2)', 'INSERT INTO t', 'FORMAT Values', '(1);(2)'],
    ['a qualified name', 'INSERT INTO a.format FORMAT JSON\n{}', 'INSERT INTO a.format', 'FORMAT JSON', '{}'],
    ['a table named format', 'INSERT INTO format FORMAT JSON\n{}', 'INSERT INTO format', 'FORMAT JSON', '{}'],
    [
      'comments',
      '/* FORMAT x */ INSERT INTO -- c\n t FORMAT TSV\n;;',
      '/* FORMAT x */ INSERT INTO -- c\n t',
      'FORMAT TSV',
      ';;',
    ],
  ]
  test.each(cases)('%s', (_name, text, head, tail, data) => {
    const statement = readStatement(text)
    expect(statement).toEqual({ kind: 'insert-data', head, tail, dataStart: text.length - data.length })
  })
})

describe('the kind of a statement', () => {
  const cases: [text: string, expected: unknown][] = [
    ['SELECT 1', { kind: 'query', format: undefined }],
    ['SELECT 1 FORMAT JSONEachRow', { kind: 'query', format: 'JSONEachRow' }],
    ['SELECT 1\nFORMAT TSV SETTINGS max_threads = 1;', { kind: 'query', format: 'TSV' }],
    ["select 'x FORMAT JSON'", { kind: 'query', format: undefined }],
    ["select 'it''s \\' ; ok'", { kind: 'query', format: undefined }],
    ['(SELECT 1) UNION ALL (SELECT 2)', { kind: 'query', format: undefined }],
    ['INSERT INTO t SELECT * FROM u FORMAT Null', { kind: 'command' }],
    ['CREATE TABLE t (a Int8) ENGINE = Memory -- ; end', { kind: 'command' }],
    ['SELECT 1; ; -- nothing more', { kind: 'query', format: undefined }],
    ['SELECT 1; SELECT 2', { kind: 'several' }],
    ['CREATE TABLE a (b Int8) ENGINE = Memory;\nDROP TABLE a', { kind: 'several' }],
  ]
  test.each(cases)('%s', (text, expected) => {
    expect(readStatement(text)).toEqual(expected)
  })
})
