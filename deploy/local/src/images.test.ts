import { expect, test } from '@jest/globals'
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { IMAGES } from './images.ts'

test('compose.yaml starts the same images as the tests', async () => {
  const compose = parse(await readFile(new URL('../compose.yaml', import.meta.url), 'utf8')) as {
    services: Record<string, { image: string }>
  }
  const images = Object.fromEntries(
    Object.entries(compose.services).map(([name, { image }]) => [name, image]),
  )
  expect(images).toEqual(IMAGES)
})

test('the jars are of the same Kafka as the image', async () => {
  const pom = await readFile(new URL('../kafka/pom.xml', import.meta.url), 'utf8')
  expect(pom).toContain(`<version>${IMAGES.kafka.split(':')[1]}</version>`)
})

test('the demo on Kubernetes starts the same images', async () => {
  for (const [name, image] of Object.entries(IMAGES)) {
    const manifests = new URL(`../../../k8s/overlays/demo/${name}.yaml`, import.meta.url)
    expect(await readFile(manifests, 'utf8')).toContain(`image: ${image}\n`)
  }
})
