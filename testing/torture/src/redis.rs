//! Redis is killed under load and restarts with its latest data, an older copy or none; a consumer
//! is disconnected meanwhile. No event may be missing, and responses must not become slower.

use std::net::SocketAddr;
use std::time::Duration;

use earmark_servers::redis::{Endpoint, Messages, Redis};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::clock::{Moment, sleep};
use crate::consumer::Consumer;
use crate::report::Figures;
use crate::violation::Checked;
use crate::world::World;

/// Number of clients that send new requests.
const CLIENTS: usize = 8;
/// Number of kills with the same SKUs.
const FAULTS_PER_SKU_SET: u64 = 4;
/// Number of public events per kill while the consumers are disconnected.
const AWAY_EVENTS: usize = 500;
/// How often a consumer polls.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Longest time until everything is published.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(120);
/// Time over which responses are counted, with Redis and without.
const COUNT_DURATION: Duration = Duration::from_secs(4);

/// Name of the stream and of the channel.
const NAME: &str = "earmark.allocation.0";

pub(crate) async fn run(world: &mut World, kills: u64) -> Checked<Figures> {
    let mut redis = Redis::start()?;
    world.setup.redis = Some(redis.url());
    world.setup.bar.set_length(kills);
    let (mut server, address) = world.start().await?;
    let away = watch::Sender::new(false);
    let (end, ended) = watch::channel(0);
    let consumers = start_consumers(redis.endpoint(), address, &away, &ended);
    let (stop, stopped) = watch::channel(false);
    let mut figures = Figures::default();
    let mut load = vec![world.load(address, CLIENTS, 0, &stopped)];
    let mut restarts = Restarts::default();
    for kill in 0..kills {
        if kill > 0 && kill % FAULTS_PER_SKU_SET == 0 {
            load.push(world.load(address, CLIENTS, kill / FAULTS_PER_SKU_SET, &stopped));
        }
        restarts.kill_and_restart(world, &mut redis).await?;
        world.history.check()?;
        world.setup.bar.inc(1);
    }
    away.send_replace(true);
    let (mut client, mut all) = (Client::of(address), Consumer::default());
    all.pull(&mut client).await?;
    let away_events =
        usize::try_from(kills).map_or(usize::MAX, |it| it.saturating_mul(AWAY_EVENTS));
    let from = all.applied.len();
    while all.applied.len() < from + away_events {
        sleep(Duration::from_millis(50)).await;
        all.pull(&mut client).await?;
    }
    away.send_replace(false);
    let with_redis = count_answers(world).await;
    redis.kill()?;
    let without = count_answers(world).await;
    redis.start_again()?;
    stop.send_replace(true);
    for set in load {
        set.join_all().await;
    }
    world.resolve(address).await?;
    all.pull(&mut client).await?;
    client.disconnect(false);
    let caught_up = Moment::now();
    end.send_replace(all.watermark());
    let consumers = [consumers.0.await, consumers.1.await];
    let caught_up = caught_up.passed();
    server.stop().await?;
    world.audit(1_000).await?;
    figures.add("Redis killed", kills);
    figures.add("restarted with an older copy", restarts.older);
    figures.add("restarted empty", restarts.emptied);
    figures.add("public events while the consumers were disconnected, at least", away_events);
    figures.add("answered in 4 s with Redis", with_redis);
    figures.add("answered in 4 s without Redis", without);
    figures.add("everything published and received after, ms", caught_up.as_millis());
    for (name, consumer) in ["stream", "channel"].iter().zip(consumers) {
        let consumer = consumer.map_err(|error| error.to_string())??;
        figures = figures.with(compare(name, &consumer, &all)?);
    }
    Ok(figures.with(world.figures()))
}

/// How Redis was restarted.
#[derive(Default)]
struct Restarts {
    older: u64,
    emptied: u64,
}

impl Restarts {
    /// Kills Redis at a random moment, and restarts it with its latest data, older data or none.
    async fn kill_and_restart(&mut self, world: &mut World, redis: &mut Redis) -> Checked<()> {
        if world.rng.bool() {
            redis.save()?;
        }
        sleep(Duration::from_millis(world.rng.u64(50..500))).await;
        match world.rng.u8(0..3) {
            0 => redis.save()?,
            1 => self.older += 1,
            _ => {
                self.emptied += 1;
                redis.delete_snapshot()?;
            }
        }
        redis.kill()?;
        sleep(Duration::from_millis(world.rng.u64(0..400))).await;
        Ok(redis.start_again()?)
    }
}

/// A consumer has applied exactly the events of the feed, byte for byte; it may have received more
/// since.
fn compare(name: &str, consumer: &Consumer, all: &Consumer) -> Checked<Figures> {
    if !consumer.applied.range(..=all.watermark()).eq(&all.applied) {
        let (log, applied) = (all.applied.len(), consumer.applied.len());
        let missing = all.applied.keys().find(|it| !consumer.applied.contains_key(it));
        return Err(
            format!("{name}: {applied} of {log} events, first one missing: {missing:?}").into()
        );
    }
    let mut figures = Figures::default();
    figures.add(&format!("{name}: events missing"), 0);
    figures.add(&format!("{name}: gaps detected"), consumer.gaps);
    figures.add(&format!("{name}: events read from the feed"), consumer.pulled);
    figures.add(&format!("{name}: events received again, byte-identical"), consumer.repeats);
    Ok(figures)
}

type RunningConsumer = JoinHandle<Checked<Consumer>>;

/// Starts a consumer of the stream and one of the channel.
fn start_consumers(
    endpoint: Endpoint,
    address: SocketAddr,
    away: &watch::Sender<bool>,
    end: &watch::Receiver<u64>,
) -> (RunningConsumer, RunningConsumer) {
    let stream = read_stream(endpoint, address, away.subscribe(), end.clone());
    let channel = subscribe_channel(endpoint, address, away.subscribe(), end.clone());
    (spawn(stream), spawn(channel))
}

#[expect(clippy::disallowed_methods, reason = "consumers run while Redis is killed")]
fn spawn(work: impl Future<Output = Checked<Consumer>> + Send + 'static) -> RunningConsumer {
    tokio::spawn(work)
}

/// Reads the stream after the last sequence; its Redis ids are sequences of the log.
async fn read_stream(
    endpoint: Endpoint,
    address: SocketAddr,
    away: watch::Receiver<bool>,
    end: watch::Receiver<u64>,
) -> Checked<Consumer> {
    let (mut consumer, mut feed) = (Consumer::default(), Client::of(address));
    let mut deadline = CatchUpDeadline::default();
    while !deadline.has_caught_up(&end, consumer.watermark())? {
        if !*away.borrow() {
            let from = format!("({}-0", consumer.watermark());
            let entries =
                endpoint.ask(&["XRANGE", NAME, &from, "+", "COUNT", "500"]).unwrap_or_default();
            for event in entries.lines().filter(|line| line.starts_with('{')) {
                consumer.receive(event, &mut feed).await?;
            }
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(consumer)
}

/// Subscribes to the channel; reads missed events from the feed after a disconnect.
async fn subscribe_channel(
    endpoint: Endpoint,
    address: SocketAddr,
    away: watch::Receiver<bool>,
    end: watch::Receiver<u64>,
) -> Checked<Consumer> {
    let (mut consumer, mut feed) = (Consumer::default(), Client::of(address));
    let mut deadline = CatchUpDeadline::default();
    let mut messages: Option<Messages> = None;
    while !deadline.has_caught_up(&end, consumer.watermark())? {
        if *away.borrow() {
            messages = None;
        } else if messages.is_none() {
            messages = endpoint.subscribe(&[NAME]).ok();
            if messages.is_some() && *end.borrow() > 0 {
                consumer.pull(&mut feed).await?;
            }
        }
        loop {
            match messages.as_ref().map(Messages::next_if_any) {
                Some(Ok(Some((_, event)))) => consumer.receive(&event, &mut feed).await?,
                Some(Err(_)) => messages = None,
                Some(Ok(None)) | None => break,
            }
        }
        if *end.borrow() > 0 && messages.is_some() {
            // The last message may have been published while the consumer was not subscribed.
            consumer.pull(&mut feed).await?;
        }
        sleep(POLL_INTERVAL).await;
    }
    Ok(consumer)
}

/// A consumer ends at the last sequence, which it must reach in time.
#[derive(Default)]
struct CatchUpDeadline(Option<Moment>);

impl CatchUpDeadline {
    fn has_caught_up(&mut self, end: &watch::Receiver<u64>, at: u64) -> Checked<bool> {
        let last = *end.borrow();
        if last == 0 || at >= last {
            return Ok(last > 0);
        }
        let since = *self.0.get_or_insert_with(Moment::now);
        if since.passed() > CATCH_UP_TIMEOUT {
            return Err(format!(
                "a consumer is at {at} after {CATCH_UP_TIMEOUT:?}, expected {last}"
            )
            .into());
        }
        Ok(false)
    }
}

/// Number of requests answered within [`COUNT_DURATION`].
async fn count_answers(world: &World) -> usize {
    let answered = || world.history.lock().answered().len();
    let before = answered();
    sleep(COUNT_DURATION).await;
    answered() - before
}
