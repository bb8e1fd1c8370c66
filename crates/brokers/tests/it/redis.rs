//! Redis as the suite sees it: Streams, which keep, and Pub/Sub, which does not.

use earmark_brokers::redis::{Channels, FlatJson, Redis, Streams};
use earmark_kernel::Publisher;
use earmark_servers::redis::{Heard, Redis as Server};

use super::subjects::Subject;

/// Where the events of the suite's source are told.
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
        Box::new(Streams::of(Redis::at(&self.server.url()).unwrap(), "earmark", 1_000))
    }

    fn seen(&mut self, _: usize) -> Vec<String> {
        let told = self.server.ask(&["XRANGE", "earmark.tally.0", "-", "+"]).unwrap();
        told.lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect()
    }

    fn keeps(&self) -> bool {
        true
    }

    fn kill(&mut self) {
        self.server.kill().unwrap();
    }

    fn come_back(&mut self) {
        self.server.start_again().unwrap();
    }

    fn save(&mut self) {
        self.server.save().unwrap();
    }
}

pub struct Publishing {
    server: Server,
    heard: Heard,
    all: Vec<String>,
}

impl Publishing {
    pub fn start() -> Self {
        let server = Server::start().unwrap();
        let heard = server.subscribe(&[CHANNEL]).unwrap();
        Self { server, heard, all: Vec::new() }
    }
}

impl Subject for Publishing {
    fn publisher(&self) -> Box<dyn Publisher> {
        let flat =
            FlatJson { event: "tally.counted", channel: "counted".into(), fields: &["by", "name"] };
        Box::new(Channels::of(Redis::at(&self.server.url()).unwrap(), "earmark", vec![flat]))
    }

    fn seen(&mut self, at_least: usize) -> Vec<String> {
        while self.all.len() < at_least {
            self.all.push(self.heard.next().unwrap().1);
        }
        self.all.extend(self.heard.waiting().into_iter().map(|it| it.1));
        self.all.clone()
    }

    fn keeps(&self) -> bool {
        false
    }

    fn kill(&mut self) {
        self.server.kill().unwrap();
    }

    fn come_back(&mut self) {
        self.server.start_again().unwrap();
        self.heard = self.server.subscribe(&[CHANNEL]).unwrap();
    }

    fn save(&mut self) {}
}
