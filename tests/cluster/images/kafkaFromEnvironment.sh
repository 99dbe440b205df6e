#!/bin/sh
# KAFKA_SOME_SETTING=x becomes some.setting=x, as the official image has it; the folder is formatted once.
set -euf
properties=/tmp/server.properties
env | grep '^KAFKA_' | grep -v '^KAFKA_HEAP_OPTS=' | while IFS='=' read -r name value; do
  printf '%s=%s\n' "$(printf '%s' "${name#KAFKA_}" | tr 'A-Z_' 'a-z.')" "$value"
done >"$properties"
java="java ${KAFKA_HEAP_OPTS:-} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=/opt/kafka/log4j2.yaml -cp /opt/kafka/libs/*"
[ -f "$KAFKA_LOG_DIRS/meta.properties" ] || $java kafka.tools.StorageTool format -t 5L6g3nShT-eMCtK--X86sw -c "$properties"
exec $java kafka.Kafka "$properties"
