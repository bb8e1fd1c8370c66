//! The baseline `bare-file`: as `constant`, but each line is on the disk before it is answered.

use std::io;
use std::path::Path;

use axum::Router;
use axum::body::Bytes;
use earmark_contracts::allocation::Allocate;

use crate::durable::{self, Gather};
use crate::groups::Groups;
use crate::preallocated::Preallocated;

/// The bodies of requests, a line each.
#[derive(Default)]
struct Bodies(Vec<u8>);

impl Gather for Bodies {
    type Wanted = Bytes;

    fn wanted(body: Bytes, _: impl IntoIterator<Item = Allocate>) -> Bytes {
        body
    }

    fn add(&mut self, body: Bytes) {
        self.0.extend_from_slice(&body);
        self.0.push(b'\n');
    }
}

/// The routes that a benchmark asks, onto a new file of so many bytes.
pub fn routes(folder: &Path, bytes: u64) -> io::Result<Router> {
    let mut file = Preallocated::create(folder, bytes)?;
    Ok(durable::routes(Groups::start(move |Bodies(lines)| file.append(lines))?))
}
