import type { AdoptedConfiguration } from '../processor.ts'

/** The configuration of this process, as its tasks see it. */
export interface ConfigurationFeed<C> {
  /** Undefined until the first revision has been read. */
  current(): AdoptedConfiguration<C> | undefined
  /** What held at an offset of the config topic; undefined before the first revision. */
  at(offset: number): AdoptedConfiguration<C> | undefined
  /** Called after each change of `current()`; returns the way to stop. */
  onChange(listener: (configuration: AdoptedConfiguration<C>) => void): () => void
}
