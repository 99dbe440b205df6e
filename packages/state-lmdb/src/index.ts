export { createLmdbStores, type LmdbStoresOptions } from './createLmdbStores.ts'
