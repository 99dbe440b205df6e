import { afterEach, expect, test } from '@jest/globals'
import { type AdminServer, startAdminServer } from './adminServer.ts'
import { type Health, createHealth } from './health.ts'
import { createMetrics } from './metrics.ts'

let server: AdminServer | undefined
afterEach(() => server?.stop())

async function start(): Promise<{
  health: Health
  get: (path: string) => Promise<{ status: number; body: string }>
}> {
  const health = createHealth()
  const metrics = createMetrics('test')
  metrics.gauge('x_ratio', 'X').set(0.5)
  server = await startAdminServer({ host: '127.0.0.1', port: 0, health, metrics })
  const base = `http://127.0.0.1:${server.port}`
  return {
    health,
    get: async (path) => {
      const response = await fetch(base + path)
      return { status: response.status, body: await response.text() }
    },
  }
}

test('not ready before any component has said so', async () => {
  const { get } = await start()
  expect((await get('/readyz')).status).toBe(503)
  expect((await get('/livez')).status).toBe(200)
})

test('ready needs every component; the answer names each with its detail', async () => {
  const { health, get } = await start()
  health.setReady('tasks', false, 'restoring, 1,200 records to go')
  health.setReady('kafka', true)
  const restoring = await get('/readyz')
  expect(restoring.status).toBe(503)
  expect(JSON.parse(restoring.body)).toEqual({
    status: 'starting',
    components: { kafka: { ready: true }, tasks: { ready: false, detail: 'restoring, 1,200 records to go' } },
  })
  health.setReady('tasks', true)
  expect((await get('/readyz')).status).toBe(200)
})

test('a dependency that is away makes it not ready, but never not alive', async () => {
  const { health, get } = await start()
  health.setReady('clickhouse', false, 'connection refused')
  expect((await get('/livez')).status).toBe(200)
})

test('draining is not ready, for good', async () => {
  const { health, get } = await start()
  health.setReady('tasks', true)
  health.setDraining()
  health.setReady('tasks', true)
  expect((await get('/readyz')).status).toBe(503)
  expect(JSON.parse((await get('/readyz')).body)).toMatchObject({ status: 'draining' })
})

test('a fatal error makes it neither ready nor alive', async () => {
  const { health, get } = await start()
  health.setReady('tasks', true)
  health.setFatal('the disk is full')
  expect((await get('/livez')).status).toBe(503)
  expect(JSON.parse((await get('/readyz')).body)).toMatchObject({
    status: 'fatal',
    reason: 'the disk is full',
  })
})

test('listeners hear each change of readiness once, and the present state at once', () => {
  const health = createHealth()
  const heard: boolean[] = []
  health.onReadyChange((ready) => heard.push(ready))
  health.setReady('a', true)
  health.setReady('a', true)
  health.setReady('b', false)
  health.setReady('b', true)
  health.setDraining()
  expect(heard).toEqual([false, true, false, true, false])
})

test('/metrics answers in the exposition format; other paths say what there is', async () => {
  const { get } = await start()
  expect((await get('/metrics')).body).toContain('tributary_test_x_ratio 0.5')
  expect(await get('/nothing')).toMatchObject({ status: 404 })
})
