export type { KafkaRecord } from './committedRecords.ts'
export {
  createKafka,
  type Kafka,
  type KafkaConnection,
  type KafkaLogger,
  type KafkaOptions,
} from './connection.ts'
export {
  type AssignedPartition,
  type ConsumerGroup,
  type ConsumerGroupOptions,
  createConsumerGroup,
  type GroupBatch,
  type OutOfRange,
} from './consumerGroup.ts'
export * from './createAdmin.ts'
export { createOwnerMap, type OwnerMap, type OwnerMapOptions, type PartitionOwner } from './ownerMap.ts'
export { type FollowedTopic, followTopic, type FollowTopicOptions } from './followTopic.ts'
export { type FencedProducer, type FencedRecord, openFencedProducer } from './fencedProducer.ts'
export { KafkaFault, type KafkaFaultCode } from './kafkaFault.ts'
export type { PartitionOffsets } from './listOffsets.ts'
export {
  createPlainProducer,
  type PlainProducer,
  type PlainProducerOptions,
  type PlainRecord,
  type WrittenTo,
} from './plainProducer.ts'
export { createProduceSender, type ProduceSender, type WrittenLane } from './produce/createProduceSender.ts'
export type { Lane } from './produce/encodeProduce.ts'
export { type ReadRecords, readTopic, type ReadTopicOptions } from './readTopic.ts'
export {
  checkTopics,
  createTopics,
  type CreateTopicsOptions,
  requireTopics,
  type TopicProblem,
  type TopicsOptions,
} from './topics.ts'
export { topicSettings } from './topicSettings.ts'
export { createKafkaLog, type KafkaLog, type KafkaLogOptions } from './createKafkaLog.ts'
