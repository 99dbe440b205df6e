/**
 * The images of the check. Tributary's is the one that users build; Kafka and ClickHouse are the official ones, or
 * stand-ins under their names where those cannot be pulled.
 */
import { spawn } from 'node:child_process'
import { cp, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { IMAGES } from '../../deploy/local/src/images.ts'
import { kafkaJars } from '../../deploy/local/src/kafkaJars.ts'
import { command, succeeds } from './command.ts'

const root = join(import.meta.dirname, '..', '..')
const recipes = join(import.meta.dirname, 'images')

export interface CheckImages {
  tributary: string
  /** The same program under another name: what an upgrade goes to. */
  upgraded: string
  player: string
  /** What stands in for what. */
  standIns: string[]
  /** All that the cluster needs. */
  all: string[]
}

/** Folders that the player and the stand-in for ClickHouse run from. */
const SOURCES = [
  'package.json',
  'bin',
  'deploy/clickhouse',
  'deploy/local',
  'examples',
  'node_modules',
  'packages',
  'services',
  'tests/chaos',
  'tests/cluster',
  'tests/demo',
]
/** What only builds and checks need, and is large. */
const LEFT_OUT = [
  '@bufbuild+buf',
  '@aws-cdk',
  '@ox',
  'oxfmt',
  'oxlint',
  'dprint',
  '@typescript',
  'typescript@',
  '@swc',
  'kubernetes-models',
  '@kubernetes-models',
]
const ENGINE = '@chdb+lib'

export async function buildCheckImages(say: (line: string) => void, keep: boolean): Promise<CheckImages> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  const tributary = `tributary:${version}`
  const upgraded = `${tributary}-upgraded`
  const player = `tributary-check:${version}`
  if (!keep) {
    say('building the image …')
    await command('make', ['image'], { cwd: root })
    await command('docker', ['tag', tributary, upgraded])
    say('building the player …')
    await buildFrom([...LEFT_OUT, ENGINE], player, 'check.Dockerfile')
  }
  const standIns: string[] = []
  if (!(await pulled(IMAGES.kafka))) {
    if (!keep) {
      say(`building a stand-in for ${IMAGES.kafka} …`)
      await buildKafka(say)
    }
    standIns.push(IMAGES.kafka)
  }
  if (!(await pulled(IMAGES.clickhouse))) {
    if (!keep) {
      say(`building a stand-in for ${IMAGES.clickhouse} …`)
      await buildFrom(LEFT_OUT, IMAGES.clickhouse, 'clickhouse.Dockerfile')
    }
    standIns.push(IMAGES.clickhouse)
  }
  return {
    tributary,
    upgraded,
    player,
    standIns,
    all: [tributary, upgraded, player, IMAGES.kafka, IMAGES.clickhouse],
  }
}

/** Official ones have a digest; a stand-in of an earlier run is built anew. */
async function pulled(image: string): Promise<boolean> {
  const digests = ['image', 'inspect', '--format', '{{len .RepoDigests}}', image]
  const there = await command('docker', digests).catch(() => '0')
  return there.trim() !== '0' || succeeds('docker', ['pull', '--quiet', image])
}

async function buildKafka(say: (line: string) => void): Promise<void> {
  const context = join(root, '.data', 'cluster', 'kafka-image')
  await rm(context, { recursive: true, force: true })
  await mkdir(context, { recursive: true })
  await cp(join(await kafkaJars(say), 'libs'), join(context, 'libs'), { recursive: true })
  await cp(join(root, 'deploy', 'local', 'kafka', 'log4j2.yaml'), join(context, 'log4j2.yaml'))
  await cp(join(recipes, 'kafkaFromEnvironment.sh'), join(context, 'kafkaFromEnvironment.sh'))
  await command('docker', [
    'build',
    '-q',
    '-t',
    IMAGES.kafka,
    '-f',
    join(recipes, 'kafka.Dockerfile'),
    context,
  ])
}

/** The working tree as a tar on standard input: the repository's own .dockerignore leaves tests out. */
async function buildFrom(leftOut: readonly string[], image: string, recipe: string): Promise<void> {
  const excludes = leftOut.flatMap((name) => ['--exclude', `node_modules/.pnpm/${name}*`])
  const tar = spawn('tar', ['-c', '--hard-dereference', ...excludes, ...SOURCES], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await command('docker', ['build', '-q', '-t', image, '-f', `tests/cluster/images/${recipe}`, '-'], {
    input: tar.stdout,
  })
}
