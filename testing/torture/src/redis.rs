//! Redis dies under load and comes back with what it has, an older copy or nothing; a consumer is
//! away meanwhile. Nothing may be missing, and nothing may slow the answers.

use std::net::SocketAddr;
use std::time::Duration;

use earmark_servers::redis::{Heard, Place, Redis};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::clock::{Moment, rest};
use crate::consumer::Consumer;
use crate::report::Figures;
use crate::violation::Checked;
use crate::world::World;

/// Clients that ask for something new.
const CLIENTS: usize = 8;
/// So many kills see the same SKUs.
const ERA: u64 = 4;
/// For each kill so many public events pass while the consumers are away: 10,000 for twenty.
const AWAY_EVENTS: usize = 500;
/// A consumer looks for more after so long.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Everything is published by then, or never.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(120);
/// So long it is counted how much is answered, with Redis and without.
const COUNT_DURATION: Duration = Duration::from_secs(4);

/// The stream of events, and the channel of the same name.
const NAME: &str = "earmark.allocation.0";

pub(crate) async fn torture(world: &mut World, kills: u64) -> Checked<Figures> {
    let mut redis = Redis::start()?;
    world.ground.redis = Some(redis.url());
    world.ground.bar.set_length(kills);
    let (mut server, address) = world.start().await?;
    let away = watch::Sender::new(false);
    let (end, ended) = watch::channel(0);
    let hearing = listen(redis.place(), address, &away, &ended);
    let (stop, stopped) = watch::channel(false);
    let mut figures = Figures::default();
    let mut asking = vec![world.load(address, CLIENTS, 0, &stopped)];
    let mut ends = Ends::default();
    for kill in 0..kills {
        if kill > 0 && kill % ERA == 0 {
            asking.push(world.load(address, CLIENTS, kill / ERA, &stopped));
        }
        ends.one(world, &mut redis).await?;
        world.history.holds()?;
        world.ground.bar.inc(1);
    }
    away.send_replace(true);
    let (mut client, mut all) = (Client::of(address), Consumer::default());
    all.pull(&mut client).await?;
    let away_events =
        usize::try_from(kills).map_or(usize::MAX, |it| it.saturating_mul(AWAY_EVENTS));
    let from = all.applied.len();
    while all.applied.len() < from + away_events {
        rest(Duration::from_millis(50)).await;
        all.pull(&mut client).await?;
    }
    away.send_replace(false);
    let with_redis = answered_meanwhile(world).await;
    redis.kill()?;
    let without = answered_meanwhile(world).await;
    redis.start_again()?;
    stop.send_replace(true);
    for set in asking {
        set.join_all().await;
    }
    world.resolve(address).await?;
    all.pull(&mut client).await?;
    client.hang_up(false);
    let caught_up = Moment::now();
    end.send_replace(all.watermark());
    let consumers = [hearing.0.await, hearing.1.await];
    let caught_up = caught_up.passed();
    server.stop().await?;
    world.audit(1_000).await?;
    figures.add("Redis killed", kills);
    figures.add("came back with an older copy", ends.older);
    figures.add("came back empty", ends.emptied);
    figures.add("public events while the consumers were away, at least", away_events);
    figures.add("answered in 4 s with Redis", with_redis);
    figures.add("answered in 4 s without Redis", without);
    figures.add("everything published and heard after, ms", caught_up.as_millis());
    for (name, consumer) in ["stream", "channel"].iter().zip(consumers) {
        let consumer = consumer.map_err(|error| error.to_string())??;
        figures = figures.with(compare(name, &consumer, &all)?);
    }
    Ok(figures.with(world.figures()))
}

/// How Redis came back.
#[derive(Default)]
struct Ends {
    older: u64,
    emptied: u64,
}

impl Ends {
    /// Kills Redis at some moment, and starts it again with what it has by then.
    async fn one(&mut self, world: &mut World, redis: &mut Redis) -> Checked<()> {
        if world.rng.bool() {
            redis.save()?;
        }
        rest(Duration::from_millis(world.rng.u64(50..500))).await;
        match world.rng.u8(0..3) {
            0 => redis.save()?,
            1 => self.older += 1,
            _ => {
                self.emptied += 1;
                redis.forget()?;
            }
        }
        redis.kill()?;
        rest(Duration::from_millis(world.rng.u64(0..400))).await;
        Ok(redis.start_again()?)
    }
}

/// What a consumer has done is what the feed says, byte for byte; it may have heard of more since.
fn compare(name: &str, consumer: &Consumer, all: &Consumer) -> Checked<Figures> {
    if !consumer.applied.range(..=all.watermark()).eq(&all.applied) {
        let (log, heard) = (all.applied.len(), consumer.applied.len());
        let missing = all.applied.keys().find(|it| !consumer.applied.contains_key(it));
        return Err(format!("{name}: {heard} of {log} events, not {missing:?}").into());
    }
    let mut figures = Figures::default();
    figures.add(&format!("{name}: events missing"), 0);
    figures.add(&format!("{name}: gaps noticed"), consumer.gaps);
    figures.add(&format!("{name}: pulled from the feed"), consumer.pulled);
    figures.add(&format!("{name}: came again with the same bytes"), consumer.repeats);
    Ok(figures)
}

type Listening = JoinHandle<Checked<Consumer>>;

/// A consumer of the stream, and one of the channel.
fn listen(
    place: Place,
    address: SocketAddr,
    away: &watch::Sender<bool>,
    end: &watch::Receiver<u64>,
) -> (Listening, Listening) {
    let streaming = stream(place, address, away.subscribe(), end.clone());
    let hearing = channel(place, address, away.subscribe(), end.clone());
    (spawn(streaming), spawn(hearing))
}

#[expect(clippy::disallowed_methods, reason = "consumers go on while Redis dies")]
fn spawn(work: impl Future<Output = Checked<Consumer>> + Send + 'static) -> Listening {
    tokio::spawn(work)
}

/// Reads the stream from the last number it knows; Redis' own ids are the log's numbers.
async fn stream(
    place: Place,
    address: SocketAddr,
    away: watch::Receiver<bool>,
    end: watch::Receiver<u64>,
) -> Checked<Consumer> {
    let (mut consumer, mut feed) = (Consumer::default(), Client::of(address));
    let mut patience = Patience::default();
    while !patience.is_over(&end, consumer.watermark())? {
        if !*away.borrow() {
            let from = format!("({}-0", consumer.watermark());
            let told = place.ask(&["XRANGE", NAME, &from, "+", "COUNT", "500"]).unwrap_or_default();
            for event in told.lines().filter(|line| line.starts_with('{')) {
                consumer.hear(event, &mut feed).await?;
            }
        }
        rest(POLL_INTERVAL).await;
    }
    Ok(consumer)
}

/// Hears the channel; what was told while it was not there it pulls when it is again.
async fn channel(
    place: Place,
    address: SocketAddr,
    away: watch::Receiver<bool>,
    end: watch::Receiver<u64>,
) -> Checked<Consumer> {
    let (mut consumer, mut feed) = (Consumer::default(), Client::of(address));
    let mut patience = Patience::default();
    let mut heard: Option<Heard> = None;
    while !patience.is_over(&end, consumer.watermark())? {
        if *away.borrow() {
            heard = None;
        } else if heard.is_none() {
            heard = place.subscribe(&[NAME]).ok();
            if heard.is_some() && *end.borrow() > 0 {
                consumer.pull(&mut feed).await?;
            }
        }
        loop {
            match heard.as_ref().map(Heard::next_if_any) {
                Some(Ok(Some((_, event)))) => consumer.hear(&event, &mut feed).await?,
                Some(Err(_)) => heard = None,
                Some(Ok(None)) | None => break,
            }
        }
        if *end.borrow() > 0 && heard.is_some() {
            // The last thing said may have been said to nobody.
            consumer.pull(&mut feed).await?;
        }
        rest(POLL_INTERVAL).await;
    }
    Ok(consumer)
}

/// When a consumer may end: at the last number, which it must reach in time.
#[derive(Default)]
struct Patience(Option<Moment>);

impl Patience {
    fn is_over(&mut self, end: &watch::Receiver<u64>, at: u64) -> Checked<bool> {
        let last = *end.borrow();
        if last == 0 || at >= last {
            return Ok(last > 0);
        }
        let since = *self.0.get_or_insert_with(Moment::now);
        if since.passed() > CATCH_UP_TIMEOUT {
            return Err(format!("a consumer is at {at} and never heard {last}").into());
        }
        Ok(false)
    }
}

/// How many requests are answered in some seconds.
async fn answered_meanwhile(world: &World) -> usize {
    let answered = || world.history.lock().answered().len();
    let before = answered();
    rest(COUNT_DURATION).await;
    answered() - before
}
