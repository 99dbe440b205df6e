/** One test over all four services: it starts them, feeds them and waits for them to settle. */
import { jest } from '@jest/globals'

jest.setTimeout(180_000)
