import { jest } from '@jest/globals'

/** Guards against a test that hangs, and is no bar for speed: two busy cores stretch what takes a second to ten. */
jest.setTimeout(30_000)
