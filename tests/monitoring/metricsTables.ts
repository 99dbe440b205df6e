import { LABELS } from '@tributary/service-kit'
import type { DeclaredMetric } from './declaredMetrics.ts'

/** Thing and unit of a metric: its name without what all metrics of a service begin with. */
export function shortName({ service, name }: Pick<DeclaredMetric, 'service' | 'name'>): string {
  return name.slice(`tributary_${service.replaceAll('-', '_')}_`.length)
}

/** The tables of docs/reference/metrics.md: what several services have, each one's own, and the labels. */
export function metricsTables(declared: readonly DeclaredMetric[]): string {
  const services = [...new Set(declared.map(({ service }) => service))]
  const shared = Map.groupBy(declared, shortName)
  const of = (name: string) => shared.get(name)!.length
  const firsts = [...shared.values()].map(([first]) => first!)
  const anyService = (metric: DeclaredMetric) => row(metric, `tributary_<service>_${shortName(metric)}`)
  const sections: (readonly string[])[] = [
    [
      '### Every service',
      ...table(firsts.filter((each) => of(shortName(each)) === services.length).map(anyService)),
    ],
    [
      '### Every service with tasks: all but the collector',
      ...table(firsts.filter((each) => of(shortName(each)) === services.length - 1).map(anyService)),
    ],
    ...services.map((service) => {
      const own = declared.filter((each) => each.service === service && of(shortName(each)) === 1)
      return [`### ${service}`, ...table(own.map((metric) => row(metric, metric.name)))]
    }),
    [
      '### Labels',
      '| label | what bounds it |',
      '|---|---|',
      ...Object.entries(LABELS).map(([label, bound]) => `| \`${label}\` | ${bound} |`),
    ],
  ]
  return `${sections.map(([heading, ...lines]) => `${heading}\n\n${lines.join('\n')}`).join('\n\n')}\n`
}

function table(rows: readonly string[]): string[] {
  return ['| metric | type | labels | what it is |', '|---|---|---|---|', ...rows]
}

function row({ type, labels, help }: DeclaredMetric, name: string): string {
  const names = labels.map((label) => `\`${label}\``).join(', ') || '–'
  return `| \`${name}\` | ${type} | ${names} | ${help.replaceAll('|', '\\|')} |`
}
