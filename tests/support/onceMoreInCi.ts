import { jest } from '@jest/globals'

/**
 * In CI, a test against real servers is tried once more, and its first failure is printed: a broker, a database and the
 * services share two cores there with everything else. On a desk a failure is a failure.
 */
if (process.env['CI'] === 'true') jest.retryTimes(1, { logErrorsBeforeRetry: true })
