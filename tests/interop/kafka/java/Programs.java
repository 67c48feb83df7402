// Programs with Kafka's own client and Kafka Streams: java -cp CLASSPATH Programs.java HOST:PORT PROGRAM [ARGUMENT…]
// Prints "ok PROGRAM", or ends with 1 and what did not hold.

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.LongDeserializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

public class Programs {
  static final Duration POLL = Duration.ofMillis(200);
  static final long PATIENCE_MS = 60_000;
  static String servers;
  static String run = Long.toString(System.nanoTime(), 36);

  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  static void until(String what, Callable<Boolean> holds) throws Exception {
    long end = System.currentTimeMillis() + PATIENCE_MS;
    while (!holds.call()) check(System.currentTimeMillis() < end, what + " within " + PATIENCE_MS + " ms");
  }

  static Properties properties(Object... pairs) {
    Properties all = new Properties();
    all.put("bootstrap.servers", servers);
    for (int i = 0; i < pairs.length; i += 2) all.put(pairs[i], pairs[i + 1]);
    return all;
  }

  static KafkaProducer<String, String> producer(Object... pairs) {
    return new KafkaProducer<>(properties(pairs), new StringSerializer(), new StringSerializer());
  }

  static KafkaConsumer<String, String> consumer(Object... pairs) {
    return new KafkaConsumer<>(properties(pairs), new StringDeserializer(), new StringDeserializer());
  }

  static String topic(String name, int partitions) throws Exception {
    String whole = name + "-" + run;
    try (Admin admin = Admin.create(properties())) {
      admin.createTopics(List.of(new NewTopic(whole, partitions, (short) 1))).all().get();
    }
    return whole;
  }

  /** Two members of the protocol of KIP-848 share four partitions, one leaves, the other goes on without a loss. */
  static void consumerProtocol() throws Exception {
    String topic = topic("new-group", 4);
    String group = "g-" + run;
    Set<String> seen = new HashSet<>();
    Object[] how = {"group.id", group, "group.protocol", "consumer", "auto.offset.reset", "earliest", "enable.auto.commit", "false"};
    try (var producer = producer(); var one = consumer(how); Admin admin = Admin.create(properties())) {
      one.subscribe(List.of(topic));
      var two = consumer(how);
      two.subscribe(List.of(topic));
      until("two members share", () -> {
        one.poll(POLL);
        two.poll(POLL);
        return one.assignment().size() == 2 && two.assignment().size() == 2;
      });
      var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
      check(described.type() == GroupType.CONSUMER && described.members().size() == 2, described.toString());
      for (int i = 0; i < 400; i++) producer.send(new ProducerRecord<>(topic, "k" + i, "v" + i));
      producer.flush();
      until("both read", () -> {
        for (var member : List.of(one, two)) {
          for (ConsumerRecord<String, String> record : member.poll(POLL)) check(seen.add(record.value()), record.value() + " came twice");
          member.commitSync();
        }
        return seen.size() == 400;
      });
      two.close();
      until("one takes over", () -> {
        one.poll(POLL);
        return one.assignment().size() == 4;
      });
      for (int i = 400; i < 500; i++) producer.send(new ProducerRecord<>(topic, "k" + i, "v" + i));
      producer.flush();
      until("one reads the rest", () -> {
        for (ConsumerRecord<String, String> record : one.poll(POLL)) check(seen.add(record.value()), record.value() + " came twice");
        return seen.size() == 500;
      });
    }
  }

  /** Numbers doubled from one topic to another in transactions, every third of which is aborted and done again. */
  static void consumeTransformProduce() throws Exception {
    String in = topic("in", 2);
    String out = topic("out", 2);
    String group = "ctp-" + run;
    int count = 1_000;
    try (var producer = producer()) {
      for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(in, "k" + i, "" + i));
    }
    Object[] how = {"group.id", group, "auto.offset.reset", "earliest", "enable.auto.commit", "false",
        "isolation.level", "read_committed", "max.poll.records", "50"};
    int done = 0;
    int turn = 0;
    try (var producer = producer("transactional.id", "t-" + run); var consumer = consumer(how)) {
      producer.initTransactions();
      consumer.subscribe(List.of(in));
      long end = System.currentTimeMillis() + PATIENCE_MS;
      while (done < count) {
        check(System.currentTimeMillis() < end, done + " of " + count + " done");
        var records = consumer.poll(POLL);
        if (records.isEmpty()) continue;
        producer.beginTransaction();
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        for (var record : records) {
          producer.send(new ProducerRecord<>(out, record.key(), "" + 2 * Integer.parseInt(record.value())));
          offsets.put(new TopicPartition(in, record.partition()), new OffsetAndMetadata(record.offset() + 1));
        }
        producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
        if (++turn % 3 == 0) {
          producer.abortTransaction();
          for (var partition : consumer.assignment()) {
            var last = consumer.committed(Set.of(partition)).get(partition);
            consumer.seek(partition, last == null ? 0 : last.offset());
          }
        } else {
          producer.commitTransaction();
          done += records.count();
        }
      }
    }
    List<Integer> doubled = new ArrayList<>();
    try (var consumer = consumer("group.id", "check-" + run, "auto.offset.reset", "earliest", "isolation.level", "read_committed")) {
      consumer.subscribe(List.of(out));
      until("all are read", () -> {
        consumer.poll(POLL).forEach(record -> doubled.add(Integer.parseInt(record.value())));
        return doubled.size() >= count;
      });
      consumer.poll(Duration.ofSeconds(1)).forEach(record -> doubled.add(Integer.parseInt(record.value())));
    }
    doubled.sort(null);
    for (int i = 0; i < count; i++) check(doubled.get(i) == 2 * i, "at " + i + ": " + doubled.get(i));
    check(doubled.size() == count, doubled.size() + " results");
  }

  /** Kafka Streams' word count, exactly once, with its changelog and repartition topics. */
  static void wordCount() throws Exception {
    String text = topic("text", 2);
    String counts = topic("counts", 2);
    Path state = Files.createTempDirectory("word-count");
    var builder = new StreamsBuilder();
    builder.stream(text, Consumed.with(Serdes.String(), Serdes.String()))
        .flatMapValues(line -> Arrays.asList(line.split(" ")))
        .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
        .count(Materialized.with(Serdes.String(), Serdes.Long()))
        .toStream().to(counts, Produced.with(Serdes.String(), Serdes.Long()));
    var how = properties("application.id", "words-" + run, "state.dir", state.toString(), "commit.interval.ms", 100,
        "processing.guarantee", "exactly_once_v2", "replication.factor", 1, "auto.offset.reset", "earliest");
    Map<String, Long> expected = new TreeMap<>();
    try (var producer = producer()) {
      for (int i = 0; i < 300; i++) {
        String line = "all streams lead to kafka w" + i % 10;
        for (String word : line.split(" ")) expected.merge(word, 1L, Long::sum);
        producer.send(new ProducerRecord<>(text, "" + i, line));
      }
    }
    try (var streams = new KafkaStreams(builder.build(), how);
        var consumer = new KafkaConsumer<>(properties("group.id", "words-check-" + run, "auto.offset.reset", "earliest",
            "isolation.level", "read_committed"), new StringDeserializer(), new LongDeserializer())) {
      streams.setUncaughtExceptionHandler(error -> {
        error.printStackTrace();
        return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
      });
      streams.start();
      consumer.subscribe(List.of(counts));
      Map<String, Long> got = new TreeMap<>();
      until("the counts are those of the text: " + expected, () -> {
        consumer.poll(POLL).forEach(record -> got.put(record.key(), record.value()));
        check(streams.state() != KafkaStreams.State.ERROR, "the application died");
        return got.equals(expected);
      });
      streams.close(Duration.ofSeconds(20));
    }
  }

  /** Leaves a transaction open, as a program that died. */
  static void openTransaction(String topic, String name) throws Exception {
    var producer = producer("transactional.id", name, "transaction.timeout.ms", "600000");
    producer.initTransactions();
    producer.beginTransaction();
    producer.send(new ProducerRecord<>(topic, 0, "k", "never"));
    producer.flush();
    Runtime.getRuntime().halt(0);
  }

  public static void main(String[] args) throws Exception {
    servers = args[0];
    switch (args[1]) {
      case "consumer-protocol" -> consumerProtocol();
      case "consume-transform-produce" -> consumeTransformProduce();
      case "word-count" -> wordCount();
      case "open-transaction" -> openTransaction(args[2], args[3]);
      default -> throw new IllegalArgumentException(args[1]);
    }
    System.out.println("ok " + args[1]);
  }
}
