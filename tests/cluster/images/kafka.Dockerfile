# A stand-in for apache/kafka where it cannot be pulled: the same Kafka from Maven, started by the same environment
# variables. The context is a folder with libs/ and kafkaFromEnvironment.sh.
FROM debian:bookworm-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/*
COPY libs /opt/kafka/libs
COPY log4j2.yaml /opt/kafka/log4j2.yaml
COPY kafkaFromEnvironment.sh /usr/local/bin/kafka
USER 1000:1000
CMD ["/usr/local/bin/kafka"]
