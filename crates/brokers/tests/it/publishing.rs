//! What every publisher must do: carry in order, confirm, tell its position, say that it is unavailable.

use earmark_kernel::{Position, PublishError, Source};

use super::subjects::{all, bytes, events, source};

#[tokio::test]
async fn events_arrive_in_their_order_and_byte_for_byte() {
    for (name, mut subject) in all() {
        let publisher = subject.publisher();
        assert_eq!(publisher.name(), name);
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(1..=300)).await.unwrap();
        publisher.publish(&source(), &events(301..=301)).await.unwrap();
        assert_eq!(subject.seen(301), bytes(&events(1..=301)), "{name}");
    }
}

#[tokio::test]
async fn a_publisher_that_keeps_tells_how_far_it_has_a_source() {
    for (name, subject) in all() {
        let publisher = subject.publisher();
        let position = publisher.position(&source()).await.unwrap();
        let nothing =
            if subject.keeps() { Position::Empty { keeps: 1_000 } } else { Position::Unknown };
        assert_eq!(position, nothing, "{name}");
        assert_eq!(publisher.position(&source()).await.unwrap(), nothing, "{name}: asked twice");
        publisher.publish(&source(), &events(1..=3)).await.unwrap();
        let position = subject.publisher().position(&source()).await.unwrap();
        let through = if subject.keeps() { Position::Through(6) } else { Position::Unknown };
        assert_eq!(position, through, "{name}");
    }
}

#[tokio::test]
async fn what_comes_again_has_the_same_bytes_or_does_not_come() {
    for (name, mut subject) in all() {
        let publisher = subject.publisher();
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(1..=5)).await.unwrap();
        let again = publisher.publish(&source(), &events(3..=7)).await;
        let position = publisher.position(&source()).await.unwrap();
        // What keeps nothing carries all of it twice.
        let mut seen = subject.seen(if subject.keeps() { 7 } else { 10 });
        if subject.keeps() {
            assert!(again.is_err(), "{name}: it says that it has some of it");
            assert_eq!(position, Position::Through(14), "{name}");
        }
        seen.sort();
        seen.dedup();
        let mut expected = bytes(&events(1..=7));
        expected.sort();
        assert_eq!(seen, expected, "{name}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable_until_its_place_is_asked_again() {
    for (name, mut subject) in all() {
        let publisher = subject.publisher();
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(1..=2)).await.unwrap();
        subject.seen(2);
        subject.kill();
        let lost = publisher.publish(&source(), &events(3..=3)).await;
        assert!(matches!(lost, Err(PublishError::Unavailable(_))), "{name}: {lost:?}");
        let position = publisher.position(&source()).await;
        assert!(matches!(position, Err(PublishError::Unavailable(_))), "{name}: {position:?}");
        subject.come_back();
        let unasked = publisher.publish(&source(), &events(3..=3)).await;
        assert!(matches!(unasked, Err(PublishError::Unavailable(_))), "{name}: {unasked:?}");
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(3..=3)).await.unwrap();
    }
}

#[tokio::test]
async fn an_older_copy_tells_its_older_place_and_an_emptied_one_nothing() {
    for (name, mut subject) in all().into_iter().filter(|(_, it)| it.keeps()) {
        let publisher = subject.publisher();
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(1..=10)).await.unwrap();
        subject.save();
        publisher.publish(&source(), &events(11..=20)).await.unwrap();
        subject.kill();
        subject.come_back();
        let publisher = subject.publisher();
        assert_eq!(publisher.position(&source()).await.unwrap(), Position::Through(20), "{name}");
        publisher.publish(&source(), &events(11..=30)).await.unwrap();
        assert_eq!(subject.seen(30), bytes(&events(1..=30)), "{name}");
    }
}

#[tokio::test]
async fn the_entries_of_another_log_are_left_alone() {
    for (name, subject) in all().into_iter().filter(|(_, it)| it.keeps()) {
        let publisher = subject.publisher();
        publisher.position(&source()).await.unwrap();
        publisher.publish(&source(), &events(1..=2)).await.unwrap();
        let other = Source { log_id: "log-b".into(), ..source() };
        let position = publisher.position(&other).await;
        assert!(matches!(position, Err(PublishError::Blocked(_))), "{name}: {position:?}");
    }
}
