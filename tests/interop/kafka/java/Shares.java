// Share groups with Kafka's own client: java -cp CLASSPATH Shares.java HOST:PORT
// Prints a line for each scenario that went well, and ends with 1 at the first that did not.

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.FeatureMetadata;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Shares {
  static final Duration POLL = Duration.ofMillis(300);
  static final long PATIENCE_MS = 30_000;
  static String servers;
  static Admin admin;
  /** Only this server writes dead letters: Kafka's own does from its release 4.4 on. */
  static boolean deadLetters;

  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  static Properties properties(Object... pairs) {
    Properties all = new Properties();
    all.put("bootstrap.servers", servers);
    for (int i = 0; i < pairs.length; i += 2) all.put(pairs[i], pairs[i + 1]);
    return all;
  }

  static void topic(String name, int partitions) throws Exception {
    admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1))).all().get();
  }

  static void configure(String group, String... pairs) throws Exception {
    List<AlterConfigOp> all = new ArrayList<>();
    for (int i = 0; i < pairs.length; i += 2) {
      all.add(new AlterConfigOp(new ConfigEntry(pairs[i], pairs[i + 1]), AlterConfigOp.OpType.SET));
    }
    admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.GROUP, group), all)).all().get();
  }

  static void produce(String topic, int count, String transaction, boolean commit) {
    Properties how = properties("linger.ms", 5);
    if (transaction != null) how.put("transactional.id", transaction);
    try (var producer = new KafkaProducer<>(how, new StringSerializer(), new StringSerializer())) {
      if (transaction != null) {
        producer.initTransactions();
        producer.beginTransaction();
      }
      String name = transaction == null ? "v" : transaction + "-";
      for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, "k" + i, name + i));
      producer.flush();
      if (transaction != null && commit) producer.commitTransaction();
      if (transaction != null && !commit) producer.abortTransaction();
    }
  }

  static KafkaShareConsumer<String, String> consumer(String group, String topic, String mode) {
    Properties how = properties("group.id", group, "share.acknowledgement.mode", mode);
    var consumer = new KafkaShareConsumer<>(how, new StringDeserializer(), new StringDeserializer());
    consumer.subscribe(List.of(topic));
    return consumer;
  }

  static void until(String what, java.util.concurrent.Callable<Boolean> holds) throws Exception {
    long end = System.currentTimeMillis() + PATIENCE_MS;
    while (!holds.call()) check(System.currentTimeMillis() < end, what + " within " + PATIENCE_MS + " ms");
  }

  static void poll(KafkaShareConsumer<String, String> consumer, Consumer<ConsumerRecord<String, String>> each) {
    ConsumerRecords<String, String> records = consumer.poll(POLL);
    records.forEach(each);
  }

  static void manyMembersShareOnePartition() throws Exception {
    topic("shared", 1);
    configure("many", "share.auto.offset.reset", "earliest");
    produce("shared", 2_000, null, true);
    Map<String, AtomicInteger> seen = new ConcurrentHashMap<>();
    Set<String> took = ConcurrentHashMap.newKeySet();
    List<Thread> members = new ArrayList<>();
    for (int n = 0; n < 4; n++) {
      String name = "member" + n;
      members.add(new Thread(() -> {
        long end = System.currentTimeMillis() + PATIENCE_MS;
        try (var consumer = consumer("many", "shared", "implicit")) {
          while (seen.size() < 2_000 && System.currentTimeMillis() < end) {
            poll(consumer, record -> {
              took.add(name);
              seen.computeIfAbsent(record.value(), value -> new AtomicInteger()).incrementAndGet();
            });
          }
          // What was delivered by the last poll is acknowledged by the next, or so; closing gives it back.
          consumer.commitSync();
        }
      }));
    }
    members.forEach(Thread::start);
    for (Thread member : members) member.join();
    check(seen.size() == 2_000, seen.size() + " of 2000 records");
    check(seen.values().stream().allMatch(times -> times.get() == 1), "a record came twice");
    check(took.size() > 1, "several members took records of one partition");
  }

  static void whatIsReleasedComesBackAndWhatIsRejectedDoesNot() throws Exception {
    topic("fates", 2);
    configure("fates", "share.auto.offset.reset", "earliest");
    produce("fates", 30, null, true);
    Map<String, List<Short>> counts = new TreeMap<>();
    Set<String> done = new HashSet<>();
    try (var consumer = consumer("fates", "fates", "explicit")) {
      until("29 records are done", () -> {
        poll(consumer, record -> {
          short count = record.deliveryCount().get();
          counts.computeIfAbsent(record.value(), value -> new ArrayList<>()).add(count);
          if (record.value().equals("v7")) consumer.acknowledge(record, AcknowledgeType.REJECT);
          else if (record.value().endsWith("3") && count == 1) consumer.acknowledge(record, AcknowledgeType.RELEASE);
          else if (record.value().equals("v9")) consumer.acknowledge(record, AcknowledgeType.RELEASE);
          else {
            consumer.acknowledge(record);
            done.add(record.value());
          }
        });
        return done.size() == 28 && counts.getOrDefault("v9", List.of()).size() == 5;
      });
      for (int i = 0; i < 5; i++) poll(consumer, record -> check(false, record.value() + " came again"));
    }
    check(counts.get("v7").equals(List.of((short) 1)), "rejected: " + counts.get("v7"));
    check(counts.get("v9").equals(List.of((short) 1, (short) 2, (short) 3, (short) 4, (short) 5)), "never taken: " + counts.get("v9"));
    check(counts.get("v13").equals(List.of((short) 1, (short) 2)), "released once: " + counts.get("v13"));
  }

  static void aMemberThatGoesLeavesItsRecordsToOthers() throws Exception {
    topic("left", 1);
    configure("left", "share.auto.offset.reset", "earliest");
    produce("left", 10, null, true);
    Set<String> first = new TreeSet<>();
    var gone = consumer("left", "left", "explicit");
    until("the first member has all", () -> {
      poll(gone, record -> first.add(record.value()));
      return first.size() == 10;
    });
    gone.close(Duration.ofSeconds(5));
    Map<String, Short> second = new HashMap<>();
    try (var consumer = consumer("left", "left", "implicit")) {
      until("the second member has all", () -> {
        poll(consumer, record -> second.put(record.value(), record.deliveryCount().get()));
        return second.size() == 10;
      });
    }
    check(second.values().stream().allMatch(count -> count == 2), "counts " + second);
  }

  static void onlyWhatIsCommittedIsRead() throws Exception {
    topic("committed", 1);
    configure("committed", "share.auto.offset.reset", "earliest", "share.isolation.level", "read_committed");
    produce("committed", 5, "t1", true);
    produce("committed", 5, "t2", false);
    produce("committed", 5, "t3", true);
    configure("all", "share.auto.offset.reset", "earliest");
    for (String group : List.of("committed", "all")) {
      Set<String> seen = new TreeSet<>();
      int expected = group.equals("all") ? 15 : 10;
      try (var consumer = consumer(group, "committed", "implicit")) {
        until(expected + " records for " + group, () -> {
          poll(consumer, record -> seen.add(record.value()));
          return seen.size() >= expected;
        });
        for (int i = 0; i < 3; i++) poll(consumer, record -> seen.add(record.value()));
      }
      check(seen.size() == expected, group + ": " + seen);
      check(seen.contains("t2-0") == group.equals("all"), group + ": " + seen);
    }
  }

  static void aLockThatIsRenewedHolds() throws Exception {
    topic("renewed", 1);
    configure("renewed", "share.auto.offset.reset", "earliest", "share.record.lock.duration.ms", "1000");
    produce("renewed", 1, null, true);
    List<Short> counts = new ArrayList<>();
    try (var consumer = consumer("renewed", "renewed", "explicit");
        var other = consumer("renewed", "renewed", "implicit")) {
      List<ConsumerRecord<String, String>> held = new ArrayList<>();
      until("the record comes", () -> {
        poll(consumer, record -> {
          counts.add(record.deliveryCount().get());
          held.add(record);
        });
        return !held.isEmpty();
      });
      long begin = System.currentTimeMillis();
      while (System.currentTimeMillis() < begin + 3_000) {
        consumer.acknowledge(held.get(0), AcknowledgeType.RENEW);
        consumer.commitSync();
        poll(other, record -> check(false, "another member got a record whose lock was renewed"));
        poll(consumer, record -> {});
      }
      consumer.acknowledge(held.get(0), AcknowledgeType.ACCEPT);
      consumer.commitSync();
      begin = System.currentTimeMillis();
      while (System.currentTimeMillis() < begin + 2_000) poll(other, record -> check(false, "it was done"));
    }
    check(counts.equals(List.of((short) 1)), "delivered " + counts);
  }

  static void recordsThatAreGivenUpBecomeDeadLetters() throws Exception {
    topic("source", 1);
    configure("burying", "share.auto.offset.reset", "earliest", "errors.deadletterqueue.topic.name", "dlq.source",
        "errors.deadletterqueue.copy.record.enable", "true");
    produce("source", 3, null, true);
    Set<String> done = new TreeSet<>();
    AtomicInteger released = new AtomicInteger();
    try (var consumer = consumer("burying", "source", "explicit")) {
      until("all is done", () -> {
        poll(consumer, record -> {
          AcknowledgeType type = switch (record.value()) {
            case "v0" -> AcknowledgeType.REJECT;
            case "v1" -> AcknowledgeType.RELEASE;
            default -> AcknowledgeType.ACCEPT;
          };
          if (record.value().equals("v1")) released.incrementAndGet();
          else done.add(record.value());
          consumer.acknowledge(record, type);
        });
        return done.size() == 2 && released.get() == 5;
      });
    }
    Map<String, Map<String, String>> letters = new TreeMap<>();
    Properties how = properties("group.id", "letters", "auto.offset.reset", "earliest");
    try (var consumer = new KafkaConsumer<>(how, new StringDeserializer(), new StringDeserializer())) {
      consumer.subscribe(List.of("dlq.source"));
      until("two dead letters", () -> {
        consumer.poll(POLL).forEach(record -> {
          Map<String, String> headers = new TreeMap<>();
          record.headers().forEach(header -> headers.put(header.key().replace("__dlq.errors.", ""), new String(header.value())));
          letters.put(record.key() + "=" + record.value(), headers);
        });
        return letters.size() == 2;
      });
    }
    check(letters.get("k0=v0").equals(Map.of("topic", "source", "partition", "0", "offset", "0", "group", "burying",
        "delivery.count", "1", "message", "Offset rejected by client.")), letters.toString());
    check(letters.get("k1=v1").equals(Map.of("topic", "source", "partition", "0", "offset", "1", "group", "burying",
        "delivery.count", "5", "message", "Offset delivery count exceeded the threshold.")), letters.toString());
  }

  static void featuresAreSaid() throws Exception {
    FeatureMetadata features = admin.describeFeatures().featureMetadata().get();
    Map<String, Short> levels = new TreeMap<>();
    features.finalizedFeatures().forEach((name, range) -> levels.put(name, range.maxVersionLevel()));
    check(levels.get("share.version") == 1 && levels.get("group.version") == 1 && levels.get("transaction.version") == 2, levels.toString());
  }

  interface Scenario {
    void run() throws Exception;
  }

  static void run(String name, Scenario scenario) throws Exception {
    long begin = System.currentTimeMillis();
    scenario.run();
    System.out.println("ok " + name + " (" + (System.currentTimeMillis() - begin) + " ms)");
  }

  public static void main(String[] args) throws Exception {
    servers = args[0];
    deadLetters = args.length < 2 || !args[1].equals("--no-dead-letters");
    admin = Admin.create(properties());
    try {
      run("features", Shares::featuresAreSaid);
      run("many members share one partition", Shares::manyMembersShareOnePartition);
      run("released and rejected records", Shares::whatIsReleasedComesBackAndWhatIsRejectedDoesNot);
      run("a member goes", Shares::aMemberThatGoesLeavesItsRecordsToOthers);
      run("committed only", Shares::onlyWhatIsCommittedIsRead);
      run("renewed locks", Shares::aLockThatIsRenewedHolds);
      if (deadLetters) run("dead letters", Shares::recordsThatAreGivenUpBecomeDeadLetters);
    } catch (Throwable fault) {
      fault.printStackTrace();
      System.exit(1);
    }
    System.exit(0);
  }
}
