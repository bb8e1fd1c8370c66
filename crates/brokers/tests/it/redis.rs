//! Redis as subjects of the suite: Streams, which are durable, and Pub/Sub, which is not.

use earmark_brokers::redis::{ChannelPublisher, FlatJson, Redis, StreamPublisher};
use earmark_kernel::Publisher;
use earmark_servers::redis::{Messages, Redis as Server};

use super::subjects::Subject;

/// The channel of the suite's source.
const CHANNEL: &str = "earmark.tally.0";

pub struct Streaming {
    server: Server,
}

impl Streaming {
    pub fn start() -> Self {
        Self { server: Server::start().unwrap() }
    }
}

impl Subject for Streaming {
    fn publisher(&self) -> Box<dyn Publisher> {
        Box::new(StreamPublisher::of(Redis::at(&self.server.url()).unwrap(), "earmark", 1_000))
    }

    fn received(&mut self, _: usize) -> Vec<String> {
        let entries = self.server.ask(&["XRANGE", "earmark.tally.0", "-", "+"]).unwrap();
        entries.lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect()
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn kill(&mut self) {
        self.server.kill().unwrap();
    }

    fn restart(&mut self) {
        self.server.start_again().unwrap();
    }

    fn save(&mut self) {
        self.server.save().unwrap();
    }
}

pub struct Publishing {
    server: Server,
    subscription: Messages,
    all: Vec<String>,
}

impl Publishing {
    pub fn start() -> Self {
        let server = Server::start().unwrap();
        let subscription = server.subscribe(&[CHANNEL]).unwrap();
        Self { server, subscription, all: Vec::new() }
    }
}

impl Subject for Publishing {
    fn publisher(&self) -> Box<dyn Publisher> {
        let flat =
            FlatJson { event: "tally.counted", channel: "counted".into(), fields: &["by", "name"] };
        Box::new(ChannelPublisher::of(
            Redis::at(&self.server.url()).unwrap(),
            "earmark",
            vec![flat],
        ))
    }

    fn received(&mut self, at_least: usize) -> Vec<String> {
        while self.all.len() < at_least {
            self.all.push(self.subscription.next().unwrap().1);
        }
        self.all.extend(self.subscription.drain().into_iter().map(|it| it.1));
        self.all.clone()
    }

    fn is_durable(&self) -> bool {
        false
    }

    fn kill(&mut self) {
        self.server.kill().unwrap();
    }

    fn restart(&mut self) {
        self.server.start_again().unwrap();
        self.subscription = self.server.subscribe(&[CHANNEL]).unwrap();
    }

    fn save(&mut self) {}
}
