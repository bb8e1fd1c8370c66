//! `earmark doctor`: checks the data, the machine and the servers in use.

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use earmark_stores::postgres::{Address, Postgres};
use earmark_stores::sqlite::sqlite_version;
use serde::Serialize;

use crate::args::Folder;
use crate::error::CliError;
use crate::integrations;
use crate::node::{Node, announced, holds_a_log, now_ms};
use crate::output::{self, number};
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;
use crate::wiring::refused;

/// Free space below this is a warning, bytes.
const SPACE_LOW: u64 = 1 << 30;
/// Free space below this is a failure, because commits will soon fail, bytes.
const SPACE_TOO_LOW: u64 = 64 << 20;
/// A clock that shows less is wrong: 2026-01-01.
const NOW_MS_MIN: i64 = 1_767_225_600_000;

/// Checks the data folder or store, the disk, the clock, the port, Redis and the mail server.
/// Reports what is wrong and what to do. Exits with 1 if a check fails.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark doctor\n  \
                        earmark doctor --store postgres://user:password@host/shop --json")]
pub struct Doctor {
    #[command(flatten)]
    folder: Folder,
    /// Address that the server will listen on [env: EARMARK_SERVER_LISTEN]
    /// [default: 127.0.0.1:5005]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// The result of a check.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Finding {
    fn of(what: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { what, verdict, found: found.into(), advice: None }
    }

    fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl Doctor {
    pub fn flags(&self, flags: &mut Flags) {
        self.folder.flags(flags);
        flags.set("server.listen", "--listen", self.listen.as_ref());
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let storage = StorageConfig::of(settings)?;
        let mut findings = vec![sqlite(), clock(), space(&storage.folder)];
        match &storage.store {
            None => findings.extend(folder(&storage)),
            Some(address) => findings.extend(store(address, &storage)),
        }
        findings.push(port(&settings.server.listen));
        findings.extend(integrations::probe(settings)?.into_iter().map(Finding::from));
        if self.json {
            output::json(&findings)?;
        } else {
            for it in &findings {
                let verdict = match it.verdict {
                    Verdict::Ok => "ok  ",
                    Verdict::Warn => "warn",
                    Verdict::Fail => "FAIL",
                };
                output::say(format!("{verdict} {}: {}", it.what, it.found))?;
                if let Some(advice) = &it.advice {
                    output::say(format!("     {advice}"))?;
                }
            }
        }
        let has_failed = findings.iter().any(|it| it.verdict == Verdict::Fail);
        Ok(ExitCode::from(u8::from(has_failed)))
    }
}

impl From<integrations::Probe> for Finding {
    fn from(probe: integrations::Probe) -> Self {
        match probe.found {
            Ok(found) => Self::of(probe.what, Verdict::Ok, found),
            Err(why) => Self::of(probe.what, Verdict::Fail, why).advise(
                "Commands work without it. Events and emails are sent when it is reachable again.",
            ),
        }
    }
}

fn sqlite() -> Finding {
    Finding::of("SQLite", Verdict::Ok, format!("{} is built in", sqlite_version()))
}

fn clock() -> Finding {
    let now = now_ms();
    let time = jiff::Timestamp::from_millisecond(now).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    if now < NOW_MS_MIN {
        let finding = Finding::of("clock", Verdict::Fail, format!("it shows {time}"));
        return finding.advise("Set the clock: promise dates and holds depend on it.");
    }
    Finding::of("clock", Verdict::Ok, time.to_string())
}

fn space(data: &Path) -> Finding {
    let existing = data.ancestors().find(|it| it.exists()).filter(|it| !it.as_os_str().is_empty());
    let existing = existing.unwrap_or(Path::new("."));
    let free = match rustix::fs::statvfs(existing) {
        Ok(it) => it.f_bavail.saturating_mul(it.f_frsize),
        Err(error) => {
            let found = format!("cannot be determined for {}: {error}", existing.display());
            return Finding::of("free space", Verdict::Warn, found);
        }
    };
    let found = format!("{} MiB", number(free >> 20));
    let advice = "Free some space: when the disk is full, commands fail and reads still work.";
    match free {
        0..SPACE_TOO_LOW => Finding::of("free space", Verdict::Fail, found).advise(advice),
        SPACE_TOO_LOW..SPACE_LOW => Finding::of("free space", Verdict::Warn, found).advise(advice),
        _ => Finding::of("free space", Verdict::Ok, found),
    }
}

/// Checks a database and what is in it.
fn store(address: &Address, storage: &StorageConfig) -> Vec<Finding> {
    let probe = match Postgres::probe(address) {
        Ok(probe) => probe,
        Err(error) => {
            let problem = refused(&error);
            let finding = Finding::of("store", Verdict::Fail, problem.to_string());
            return vec![match problem.advice() {
                Some(advice) => finding.advise(advice),
                None => finding,
            }];
        }
    };
    let found = format!(
        "PostgreSQL {} at {address} has durable settings; {}",
        probe.version,
        if probe.is_encrypted { "encrypted" } else { "not encrypted" }
    );
    let mut findings = vec![Finding::of("store", Verdict::Ok, found)];
    findings.extend(node(
        Node::open_readonly(storage),
        "the store opened and its settings are correct",
    ));
    findings
}

fn folder(storage: &StorageConfig) -> Vec<Finding> {
    let data = storage.folder.as_path();
    let name = data.display();
    if !holds_a_log(data) {
        let found = format!("{name} has no data yet");
        let finding = Finding::of("data folder", Verdict::Warn, found);
        return vec![finding.advise("`earmark serve` and `earmark import` create it.")];
    }
    if let Some(url) = announced(data).filter(|_| Node::is_taken(data)) {
        let found = format!("a server uses {name}; its URL is {url}");
        return vec![Finding::of("data folder", Verdict::Ok, found)];
    }
    let sound = format!("{name} opened and its settings are correct");
    node(Node::open(storage), &sound)
}

fn node(opened: Result<Node, CliError>, sound: &str) -> Vec<Finding> {
    let node = match opened {
        Ok(node) => node,
        Err(error) => {
            let finding = Finding::of("data folder", Verdict::Fail, error.to_string());
            return vec![match error.advice() {
                Some(advice) => finding.advise(advice),
                None => finding,
            }];
        }
    };
    let mut findings = vec![Finding::of("data folder", Verdict::Ok, sound)];
    for it in node.bus.status() {
        let (service, head) = (it.service, number(it.head));
        let found = format!("the log of {service} holds {head} events");
        findings.push(Finding::of("log", Verdict::Ok, found));
        let behind = it.head - it.flushed;
        let (verdict, found) = match behind {
            0 => (Verdict::Ok, format!("the views of {service} are flushed")),
            _ => (
                Verdict::Ok,
                format!(
                    "the views of {service} are {behind} events behind and are flushed at the end"
                ),
            ),
        };
        findings.push(Finding::of("views", verdict, found));
        if let Some(why) = it.halted {
            findings.push(Finding::of("writer", Verdict::Fail, why));
        }
    }
    findings.push(parked(&node));
    node.close();
    findings
}

fn parked(node: &Node) -> Finding {
    let services = crate::wiring::services();
    let parked = services.iter().map(|it| node.bus.parked(it.flow().service, None, 1_000));
    match parked.collect::<Result<Vec<_>, _>>() {
        Err(failure) => Finding::of("parked messages", Verdict::Fail, failure.to_string()),
        Ok(parked) if parked.iter().all(Vec::is_empty) => {
            Finding::of("parked messages", Verdict::Ok, "none")
        }
        Ok(parked) => {
            let count: usize = parked.iter().map(Vec::len).sum();
            Finding::of("parked messages", Verdict::Warn, count.to_string())
                .advise("`earmark parked` shows and replays them.")
        }
    }
}

fn port(listen: &str) -> Finding {
    match TcpListener::bind(listen) {
        Ok(_) => Finding::of("port", Verdict::Ok, format!("{listen} is available")),
        Err(error) => {
            let found = format!("cannot listen on {listen}: {error}");
            let finding = Finding::of("port", Verdict::Warn, found);
            finding.advise(
                "If it is not a running Earmark server, name another address with --listen.",
            )
        }
    }
}
