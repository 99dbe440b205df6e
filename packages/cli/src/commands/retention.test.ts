import { expect, test } from '@jest/globals'
import { buildWorkspace, toRevisionDocument } from '@tributary/configuration'
import { retentionRules } from './retention.ts'

const NOW = Date.UTC(2026, 5, 30)

function workspace(retention?: { events?: string; rejected?: string }) {
  return buildWorkspace({
    revision: 7,
    parent: 6,
    author: 'ada',
    message: '',
    createdAt: undefined,
    layoutEpoch: 0,
    documents: [
      toRevisionDocument(
        {
          kind: 'Workspace',
          schema: 'tributary/v1',
          id: 'shop',
          timeZone: 'Europe/Paris',
          ...(retention && { retention }),
        },
        'files',
      ),
    ],
  })
}

test.each([
  ['nothing said', undefined],
  ['for ever', { events: 'forever', rejected: 'forever' }],
])('%s: nothing goes', (_name, retention) => {
  expect(retentionRules(workspace(retention), NOW)).toEqual({})
})

test('events and rejects have each their own time, and the rule says which revision it is of', () => {
  expect(retentionRules(workspace({ events: '90d', rejected: '12h' }), NOW)).toEqual({
    events: { beforeMs: NOW - 90 * 86_400_000, rule: 'retention.events 90d, revision 7' },
    rejected: { beforeMs: NOW - 12 * 3_600_000, rule: 'retention.rejected 12h, revision 7' },
  })
})
