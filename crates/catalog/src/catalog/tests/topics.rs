use super::*;
use crate::model::Topic;

fn stream(id: u64, name: &str) -> Queue {
    Queue { kind: QueueKind::Stream, ..queue(id, name) }
}

fn topic(name: &str, partitions: &[u64]) -> Topic {
    let partitions = partitions.iter().copied().map(QueueId).collect();
    Topic { vhost: VHOST, name: name.into(), partitions, config: Default::default() }
}

/// With the streams 1 to 4, and the classic queue 5.
fn with_streams() -> Catalog {
    let mut catalog = catalog();
    for id in 1..=4 {
        catalog.apply(Change::QueuePut(stream(id, &format!("t/{id}")))).unwrap();
    }
    catalog.apply(Change::QueuePut(queue(5, "classic"))).unwrap();
    catalog
}

#[test]
fn topics_are_found_by_name_and_by_partition_and_grow() {
    let mut catalog = with_streams();
    commit(&mut catalog, Change::TopicPut(topic("orders", &[1, 2])));
    let mut grown = topic("orders", &[1, 2, 3]);
    grown.config.insert("retention.ms".into(), "1000".into());
    assert_eq!(commit(&mut catalog, Change::TopicPut(grown.clone())).len(), 1);
    assert_eq!(commit(&mut catalog, Change::TopicPut(grown.clone())), []);
    assert_eq!(catalog.topic(VHOST, "orders").map(|t| (**t).clone()), Some(grown));
    assert_eq!(catalog.topic_of(QueueId(3)).map(|t| t.id()), Some(QueueId(1)));
    assert!(catalog.topic_of(QueueId(4)).is_none());
    let again = recovered(&durable_state(&catalog));
    assert_eq!(durable_state(&again), durable_state(&catalog));
    assert_eq!(again.topics(VHOST).count(), 1);
}

#[test]
fn a_partition_is_a_stream_of_one_topic() {
    let mut catalog = with_streams();
    commit(&mut catalog, Change::TopicPut(topic("orders", &[1, 2])));
    let wrong: &[(&str, &[u64], usize)] =
        &[("a", &[], 0), ("a", &[5], 0), ("a", &[3, 9], 1), ("a", &[3, 2], 1), ("a", &[3, 4, 3], 2)];
    for &(name, partitions, number) in wrong {
        let error = catalog.commit(Change::TopicPut(topic(name, partitions))).unwrap_err();
        assert_eq!(error, ChangeError::NoPartition { name: name.into(), number }, "{partitions:?}");
    }
    let shorter = catalog.commit(Change::TopicPut(topic("orders", &[2, 1]))).unwrap_err();
    assert!(matches!(shorter, ChangeError::Conflict { kind: "topic", .. }));
    assert_eq!(catalog.topics(VHOST).count(), 1);
}

#[test]
fn a_topic_and_its_partitions_go_together() {
    let mut catalog = with_streams();
    for (name, partitions) in [("orders", &[1, 2][..]), ("single", &[3]), ("last", &[4])] {
        commit(&mut catalog, Change::TopicPut(topic(name, partitions)));
    }
    let steps = commit(&mut catalog, Change::TopicDelete { vhost: VHOST, name: "orders".into() });
    let gone = [1, 2].map(|id| Change::QueueDelete { id: QueueId(id) });
    assert!(gone.iter().all(|change| steps.iter().any(|s| s.change == *change && !s.durable)), "{steps:?}");
    assert!(catalog.queue_by_id(QueueId(1)).is_none() && catalog.topic_of(QueueId(2)).is_none());

    commit(&mut catalog, Change::QueueDelete { id: QueueId(3) });
    assert!(catalog.topic(VHOST, "single").is_none());

    commit(&mut catalog, Change::VhostDelete { id: VHOST });
    assert!(catalog.topic(VHOST, "last").is_none() && catalog.topic_of(QueueId(4)).is_none());
}
