//! What every carrier must do: carry in order, confirm, tell its place, say that it is away.

use earmark_kernel::{NotCarried, Place, Source};

use super::subjects::{all, bytes, events, source};

#[tokio::test]
async fn events_arrive_in_their_order_and_byte_for_byte() {
    for (name, mut subject) in all() {
        let carrier = subject.carrier();
        assert_eq!(carrier.name(), name);
        carrier.place(&source()).await.unwrap();
        carrier.publish(&source(), &events(1..=300)).await.unwrap();
        carrier.publish(&source(), &events(301..=301)).await.unwrap();
        assert_eq!(subject.seen(301), bytes(&events(1..=301)), "{name}");
    }
}

#[tokio::test]
async fn a_carrier_that_keeps_tells_how_far_it_has_a_source() {
    for (name, subject) in all() {
        let carrier = subject.carrier();
        let place = carrier.place(&source()).await.unwrap();
        let nothing = if subject.keeps() { Place::Nothing { keeps: 1_000 } } else { Place::Untold };
        assert_eq!(place, nothing, "{name}");
        assert_eq!(carrier.place(&source()).await.unwrap(), nothing, "{name}: asked twice");
        carrier.publish(&source(), &events(1..=3)).await.unwrap();
        let place = subject.carrier().place(&source()).await.unwrap();
        let through = if subject.keeps() { Place::Through(6) } else { Place::Untold };
        assert_eq!(place, through, "{name}");
    }
}

#[tokio::test]
async fn what_comes_again_has_the_same_bytes_or_does_not_come() {
    for (name, mut subject) in all() {
        let carrier = subject.carrier();
        carrier.place(&source()).await.unwrap();
        carrier.publish(&source(), &events(1..=5)).await.unwrap();
        let again = carrier.publish(&source(), &events(3..=7)).await;
        let place = carrier.place(&source()).await.unwrap();
        // What keeps nothing carries all of it twice.
        let mut seen = subject.seen(if subject.keeps() { 7 } else { 10 });
        if subject.keeps() {
            assert!(again.is_err(), "{name}: it says that it has some of it");
            assert_eq!(place, Place::Through(14), "{name}");
        }
        seen.sort();
        seen.dedup();
        let mut expected = bytes(&events(1..=7));
        expected.sort();
        assert_eq!(seen, expected, "{name}");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_away_until_its_place_is_asked_again() {
    for (name, mut subject) in all() {
        let carrier = subject.carrier();
        carrier.place(&source()).await.unwrap();
        carrier.publish(&source(), &events(1..=2)).await.unwrap();
        subject.seen(2);
        subject.kill();
        let lost = carrier.publish(&source(), &events(3..=3)).await;
        assert!(matches!(lost, Err(NotCarried::Away(_))), "{name}: {lost:?}");
        let place = carrier.place(&source()).await;
        assert!(matches!(place, Err(NotCarried::Away(_))), "{name}: {place:?}");
        subject.come_back();
        let unasked = carrier.publish(&source(), &events(3..=3)).await;
        assert!(matches!(unasked, Err(NotCarried::Away(_))), "{name}: {unasked:?}");
        carrier.place(&source()).await.unwrap();
        carrier.publish(&source(), &events(3..=3)).await.unwrap();
    }
}

#[tokio::test]
async fn an_older_copy_tells_its_older_place_and_an_emptied_one_nothing() {
    for (name, mut subject) in all().into_iter().filter(|(_, it)| it.keeps()) {
        let carrier = subject.carrier();
        carrier.place(&source()).await.unwrap();
        carrier.publish(&source(), &events(1..=10)).await.unwrap();
        subject.save();
        carrier.publish(&source(), &events(11..=20)).await.unwrap();
        subject.kill();
        subject.come_back();
        let carrier = subject.carrier();
        assert_eq!(carrier.place(&source()).await.unwrap(), Place::Through(20), "{name}");
        carrier.publish(&source(), &events(11..=30)).await.unwrap();
        assert_eq!(subject.seen(30), bytes(&events(1..=30)), "{name}");
    }
}

#[tokio::test]
async fn the_entries_of_another_log_are_left_alone() {
    for (name, subject) in all().into_iter().filter(|(_, it)| it.keeps()) {
        let carrier = subject.carrier();
        carrier.place(&source()).await.unwrap();
        carrier.publish(&source(), &events(1..=2)).await.unwrap();
        let other = Source { log_id: "log-b".into(), ..source() };
        let place = carrier.place(&other).await;
        assert!(matches!(place, Err(NotCarried::Barred(_))), "{name}: {place:?}");
    }
}
