// Keeps a copy of all profiles with the Java client: read the state, then follow the changes (profileView.ts has the
// rules in words). Needs kafka-clients and jackson-databind:
//   java -cp 'libs/*' FollowProfiles.java localhost:9092 cdp 10
// Ends when nothing has come for so many seconds, and prints "<profile id> <version> <merged into, or ->" for each.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

public class FollowProfiles {
  record Held(String version, String mergedInto) {}

  static final ObjectMapper JSON = new ObjectMapper();
  final Map<String, Held> profiles = new TreeMap<>();
  final Map<Integer, Long> numbers = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    String prefix = arguments[1];
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", arguments[0]);
    settings.put("isolation.level", "read_committed");
    settings.put("enable.auto.commit", "false");
    FollowProfiles copy = new FollowProfiles();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
      // Noted before the state is read, so that nothing falls between the two.
      Map<TopicPartition, Long> noted = consumer.endOffsets(partitions(consumer, prefix + ".profile-changes.v1"));
      copy.readState(consumer, partitions(consumer, prefix + ".profiles.v1"));
      System.out.println("state read");
      copy.follow(consumer, noted, Duration.ofSeconds(Long.parseLong(arguments[2])));
    }
    copy.profiles.forEach(
        (id, held) ->
            System.out.println(id + " " + held.version() + " " + (held.mergedInto() == null ? "-" : held.mergedInto())));
  }

  static List<TopicPartition> partitions(KafkaConsumer<?, ?> consumer, String topic) {
    List<TopicPartition> all = new ArrayList<>();
    consumer.partitionsFor(topic).forEach(each -> all.add(new TopicPartition(topic, each.partition())));
    return all;
  }

  void readState(KafkaConsumer<String, String> consumer, List<TopicPartition> partitions) throws Exception {
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
    // The position moves past the markers of transactions, which no record tells of.
    while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
      for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
        if (record.value() == null) profiles.remove(record.key());
        else profiles.put(record.key(), held(JSON.readTree(record.value())));
      }
    }
  }

  void follow(KafkaConsumer<String, String> consumer, Map<TopicPartition, Long> from, Duration quiet) throws Exception {
    consumer.assign(from.keySet());
    from.forEach(consumer::seek);
    long last = System.nanoTime();
    while (System.nanoTime() - last < quiet.toNanos()) {
      for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
        last = System.nanoTime();
        follow(record.partition(), JSON.readTree(record.value()));
      }
    }
  }

  void follow(int partition, JsonNode change) {
    String id = change.get("profileId").asText();
    String version = change.get("version").asText();
    long number = Long.parseLong(version.substring(5));
    Long before = numbers.get(partition);
    if (before != null && number > before + 1) throw new IllegalStateException("changes were missed: read the state");
    numbers.merge(partition, number, Math::max);
    Held held = profiles.get(id);
    if (held != null && version.compareTo(held.version()) <= 0) return;
    if (held != null && !held.version().equals(change.get("previousVersion").asText()))
      throw new IllegalStateException("changes were missed: read the state");
    String op = change.get("op").asText();
    if (held == null && !op.equals("c")) return;
    if (op.equals("d") && !change.has("mergedInto")) profiles.remove(id);
    else profiles.put(id, held(change));
  }

  static Held held(JsonNode record) {
    JsonNode into = record.get("mergedInto");
    return new Held(record.get("version").asText(), into == null ? null : into.asText());
  }
}
