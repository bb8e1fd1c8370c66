//! The limit of open files and connections of this process.

use earmark_gateway::Settings as Edge;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors reserved for the log, the views, the runtime and the program's own files.
const RESERVED: u64 = 256;

/// Raises the limit as far as the system allows, and limits connections so that the stores keep
/// enough descriptors to open their files.
pub fn fit(edge: &mut Edge) {
    let allowed = raise();
    let room = connections(allowed);
    let wanted = edge.connections_max as u64;
    if wanted > room {
        let needed = wanted + RESERVED;
        tracing::warn!(
            "the system allows {allowed} open files, so at most {room} connections are served at a \
             time instead of {wanted}. To serve them all, allow {needed}: `ulimit -Hn {needed}` or, \
             in a systemd unit, LimitNOFILE={needed}"
        );
        edge.connections_max = usize::try_from(room).unwrap_or(edge.connections_max);
    }
}

/// Raises the soft limit to the hard limit.
fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    let is_raised = current == maximum || setrlimit(Resource::Nofile, raised).is_ok();
    // None means no limit.
    let allowed = if is_raised { maximum } else { current };
    allowed.unwrap_or(u64::MAX)
}

/// Connections that fit: the descriptors that are not reserved, and at least half.
fn connections(allowed: u64) -> u64 {
    (allowed - RESERVED.min(allowed / 2)).max(1)
}

#[cfg(test)]
mod tests {
    use super::connections;

    #[test]
    fn stores_have_their_part_also_of_few() {
        let fits = [0, 1, 64, 512, 1_024, 10_256, u64::MAX].map(connections);
        assert_eq!(fits, [1, 1, 32, 256, 768, 10_000, u64::MAX - 256]);
    }
}
