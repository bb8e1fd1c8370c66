//! `earmark serve`: serves the HTTP API.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::args::Folder;
use crate::error::CliError;
use crate::node::Node;
use crate::server::{self, Ended, Signals};
use crate::settings::{Flags, Settings};
use crate::storage_config::StorageConfig;
use crate::{output, runtime};

/// Serves the HTTP API until SIGTERM or Ctrl-C. Requests in flight are answered first; a second
/// signal ends the process at once.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
                        earmark serve --data ./shop --listen 127.0.0.1:0\n  \
                        earmark serve --store postgres://user:password@host/shop --redis \
                        redis://127.0.0.1:6379")]
pub struct Serve {
    /// Address to listen on; port 0 takes any free port [env: EARMARK_SERVER_LISTEN]
    /// [default: 127.0.0.1:5005]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(flatten)]
    folder: Folder,
    /// File with API keys, one per line; clients must send one of them
    /// [env: EARMARK_SERVER_API_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Redis server to publish to and consume from, as redis://host:port [env: EARMARK_REDIS_URL,
    /// better for a URL with a password]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

impl Serve {
    pub fn flags(&self, flags: &mut Flags) {
        self.folder.flags(flags);
        flags.set("server.listen", "--listen", self.listen.as_ref());
        flags.set("server.api_key_file", "--api-key-file", self.api_key_file.as_ref());
        flags.set("redis.url", "--redis", self.redis.as_ref());
    }

    pub fn run(self, settings: &Settings) -> Result<ExitCode, CliError> {
        let edge = server::edge(settings.server.api_key_file.as_deref())?;
        let listen = &settings.server.listen;
        server::address(listen)?;
        let mut node = Node::open(&StorageConfig::of(settings)?)?;
        if let Err(error) = node.start_integrations(settings) {
            node.close();
            return Err(error);
        }
        serve(node, edge, listen, |_| Ok(()))
    }
}

/// Serves from a node until it is stopped; calls `ready` with its URL.
pub fn serve(
    node: Node,
    edge: earmark_gateway::Settings,
    listen: &str,
    ready: impl FnOnce(&str) -> Result<(), CliError>,
) -> Result<ExitCode, CliError> {
    let ended = runtime::of_server()?.block_on(async {
        let signals = Signals::listen()?;
        let bound = server::bind(&node.bus, edge, listen).await?;
        let url = format!("http://{}", bound.local_addr);
        node.announce(&url);
        output::say(format!("listening on {url}"))?;
        ready(&url)?;
        server::serve(&node, bound, signals).await
    });
    node.close();
    match ended? {
        Ended::Stopped => Ok(ExitCode::SUCCESS),
        Ended::Halted(why) => {
            let error = CliError::new(format!("the server stopped by itself: {why}"));
            Err(error.advise(
                "Check the disk or the store (`earmark doctor`), then start it again: it continues \
                 from the log.",
            ))
        }
    }
}
