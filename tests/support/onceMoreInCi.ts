import { jest } from '@jest/globals'

/**
 * In CI, a failed test is tried once more, and its first failure is printed: a broker, a database, the services and
 * processes of unit tests share two cores there with everything else. Property tests draw the same cases both times.
 * On a desk a failure is a failure.
 */
if (process.env['CI'] === 'true') jest.retryTimes(1, { logErrorsBeforeRetry: true })
