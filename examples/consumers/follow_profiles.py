"""Keeps a copy of all profiles with confluent-kafka: read the state, then follow the changes.

profileView.ts has the rules in words. Usage: python follow_profiles.py localhost:9092 cdp
"""
import json
import sys

from confluent_kafka import KafkaError, Consumer, TopicPartition, OFFSET_BEGINNING


def consumer_of(brokers):
    return Consumer({
        "bootstrap.servers": brokers,
        "group.id": "not-used",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    })


def partitions_of(consumer, topic):
    return list(consumer.list_topics(topic).topics[topic].partitions)


def main(brokers, prefix):
    state, changes = f"{prefix}.profiles.v1", f"{prefix}.profile-changes.v1"
    profiles, numbers = {}, {}
    consumer = consumer_of(brokers)
    # Noted before the state is read, so that nothing falls between the two.
    noted = [TopicPartition(changes, p, consumer.get_watermark_offsets(TopicPartition(changes, p))[1])
             for p in partitions_of(consumer, changes)]

    open_partitions = set(partitions_of(consumer, state))
    consumer.assign([TopicPartition(state, p, OFFSET_BEGINNING) for p in open_partitions])
    while open_partitions:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                raise SystemExit(message.error())
            open_partitions.discard(message.partition())
            continue
        key = message.key().decode()
        if message.value() is None:
            profiles.pop(key, None)
        else:
            profiles[key] = json.loads(message.value())

    consumer.assign(noted)
    while True:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        change = json.loads(message.value())
        held = profiles.get(change["profileId"])
        number = int(change["version"][5:])
        last = numbers.get(message.partition())
        if last is not None and number > last + 1:
            raise SystemExit("changes were missed: read the state again")
        numbers[message.partition()] = max(last or 0, number)
        if held and change["version"] <= held["version"]:
            continue
        if held and change["previousVersion"] != held["version"]:
            raise SystemExit("changes were missed: read the state again")
        if not held and change["op"] != "c":
            continue
        # What to do with it: `changed` names the paths, `before` and `after` have their values.
        print(change["op"], change["profileId"], change["version"], change["changed"])
        if change["op"] == "d" and "mergedInto" not in change:
            profiles.pop(change["profileId"])
        else:
            profiles[change["profileId"]] = {k: change[k] for k in ("profileId", "version", "mergedInto") if k in change}


if __name__ == "__main__":
    main(*sys.argv[1:])
