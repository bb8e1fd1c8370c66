//! The contract of every publisher: order, confirmation, position, and errors.

use earmark_kernel::{Position, PublishError, Source};

use super::subjects::{all, bytes, events, source};

#[tokio::test]
async fn events_arrive_in_order_and_byte_for_byte() {
    for (name, mut subject) in all() {
        let publisher = subject.publisher();
        assert_eq!(publisher.name(), name);
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(1..=300)).await.unwrap();
        publisher.publish(&source(), &events(301..=301)).await.unwrap();
        assert_eq!(subject.received(301), bytes(&events(1..=301)), "{name}");
    }
}

#[tokio::test]
async fn a_durable_publisher_reports_its_position_in_a_source() {
    for (name, subject) in all() {
        let publisher = subject.publisher();
        let position = publisher.position(&source()).await.unwrap();
        let initial =
            if subject.is_durable() { Position::Empty { keeps: 1_000 } } else { Position::Unknown };
        assert_eq!(position, initial, "{name}");
        assert_eq!(publisher.position(&source()).await.unwrap(), initial, "{name}: second request");
        publisher.publish(&source(), &events(1..=3)).await.unwrap();
        let position = subject.publisher().position(&source()).await.unwrap();
        let through = if subject.is_durable() { Position::Through(6) } else { Position::Unknown };
        assert_eq!(position, through, "{name}");
    }
}

#[tokio::test]
async fn a_repeated_event_has_the_same_bytes_or_is_refused() {
    for (name, mut subject) in all() {
        let publisher = subject.publisher();
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(1..=5)).await.unwrap();
        let again = publisher.publish(&source(), &events(3..=7)).await;
        let position = publisher.position(&source()).await.unwrap();
        // A publisher without a position sends all of it twice.
        let mut received = subject.received(if subject.is_durable() { 7 } else { 10 });
        if subject.is_durable() {
            assert!(again.is_err(), "{name}: it refuses duplicates");
            assert_eq!(position, Position::Through(14), "{name}");
        }
        received.sort();
        received.dedup();
        let mut expected = bytes(&events(1..=7));
        expected.sort();
        assert_eq!(received, expected, "{name}");
    }
}

#[tokio::test]
async fn a_lost_server_is_unavailable_until_its_position_is_requested_again() {
    for (name, mut subject) in all() {
        let publisher = subject.publisher();
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(1..=2)).await.unwrap();
        subject.received(2);
        subject.kill();
        let lost = publisher.publish(&source(), &events(3..=3)).await;
        assert!(matches!(lost, Err(PublishError::Unavailable(_))), "{name}: {lost:?}");
        let position = publisher.position(&source()).await;
        assert!(matches!(position, Err(PublishError::Unavailable(_))), "{name}: {position:?}");
        subject.restart();
        let refused = publisher.publish(&source(), &events(3..=3)).await;
        assert!(matches!(refused, Err(PublishError::Unavailable(_))), "{name}: {refused:?}");
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(3..=3)).await.unwrap();
    }
}

#[tokio::test]
async fn a_restarted_server_reports_its_position() {
    for (name, mut subject) in all().into_iter().filter(|(_, it)| it.is_durable()) {
        let publisher = subject.publisher();
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(1..=10)).await.unwrap();
        subject.save();
        publisher.publish(&source(), &events(11..=20)).await.unwrap();
        subject.kill();
        subject.restart();
        let publisher = subject.publisher();
        assert_eq!(publisher.position(&source()).await.unwrap(), Position::Through(20), "{name}");
        publisher.publish(&source(), &events(11..=30)).await.unwrap();
        assert_eq!(subject.received(30), bytes(&events(1..=30)), "{name}");
    }
}

#[tokio::test]
async fn a_stream_of_another_log_is_refused() {
    for (name, subject) in all().into_iter().filter(|(_, it)| it.is_durable()) {
        let publisher = subject.publisher();
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(1..=2)).await.unwrap();
        let other = Source { log_id: "log-b".into(), ..source() };
        let position = publisher.position(&other).await;
        assert!(matches!(position, Err(PublishError::Blocked(_))), "{name}: {position:?}");
    }
}
