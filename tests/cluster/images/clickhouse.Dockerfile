# A stand-in for clickhouse/clickhouse-server where it cannot be pulled: the engine of npm's chdb behind the front of
# deploy/local, on the same port and folder. The context is the repository.
FROM node:24-bookworm-slim
WORKDIR /repo
COPY . .
ENV UV_THREADPOOL_SIZE=32
USER 101:101
CMD ["node", "tests/cluster/images/clickhouseStandIn.ts"]
