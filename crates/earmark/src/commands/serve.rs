//! `earmark serve`: runs the server.

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

/// Serves over HTTP until SIGTERM or Ctrl-C; what was begun is answered first. A second signal ends
/// it at once.
#[derive(Args, Debug)]
pub struct Serve {
    /// Address to listen on; port 0 takes any free port [env: EARMARK_SERVER_LISTEN]
    /// [default: 127.0.0.1:5005]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(flatten)]
    folder: Folder,
    /// A file of keys, one a line: callers must show one of them [env: EARMARK_API_KEY_FILE]
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// The Redis server to speak with, as redis://host:port [env: EARMARK_REDIS, which shows a
    /// password to nobody]
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

/// Serves a node until a signal stops it; `ready` receives the address.
pub fn serve(
    node: Node,
    edge: earmark_gateway::Settings,
    listen: &str,
    ready: impl FnOnce(&str) -> Result<(), CliError>,
) -> Result<ExitCode, CliError> {
    let ended = runtime::of_server()?.block_on(async {
        let signals = Signals::heard()?;
        let bound = server::bind(&node.bus, edge, listen).await?;
        let url = format!("http://{}", bound.local_addr);
        node.announce(&url);
        output::say(format!("listening on {url}"))?;
        ready(&url)?;
        server::serve(&node, bound, signals).await
    });
    node.close();
    match ended? {
        Ended::Told => Ok(ExitCode::SUCCESS),
        Ended::Halted(why) => {
            let problem = CliError::new(format!("the server stopped because of an error: {why}"));
            Err(problem.advise(
                "Look at the disk or the store (`earmark doctor`), then start it \
                 again: it begins from what the log says.",
            ))
        }
    }
}
