//! The baseline `bare-file`: like `constant`, but each line is on disk before it is answered.

use std::io;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use earmark_contracts::allocation::Allocate;

use crate::durable::{self, GroupContent};
use crate::group_commit::GroupCommit;
use crate::preallocated::Preallocated;

/// The bodies of requests, one per line.
#[derive(Default)]
struct Bodies(Vec<u8>);

impl GroupContent for Bodies {
    type Part = Bytes;

    fn part(body: Bytes, _: impl IntoIterator<Item = Allocate>) -> Bytes {
        body
    }

    fn add(&mut self, body: Bytes) {
        self.0.extend_from_slice(&body);
        self.0.push(b'\n');
    }
}

/// The routes of a benchmark, with a new file of this number of bytes.
pub fn routes(folder: &Path, bytes: u64) -> io::Result<Router> {
    let mut file = Preallocated::create(folder, bytes)?;
    Ok(durable::routes(GroupCommit::start(move |Bodies(lines)| file.append(lines))?))
}
