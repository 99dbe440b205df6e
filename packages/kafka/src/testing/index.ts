export { type BrokerCluster, createBrokerCluster, type StoredRecord } from './brokerCluster.ts'
