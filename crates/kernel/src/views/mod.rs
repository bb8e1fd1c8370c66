//! The state derived from a log, in memory and on disk, and how it is read.

pub(crate) mod answer;
pub(crate) mod audit;
pub(crate) mod backpressure;
pub(crate) mod flushing;
pub(crate) mod following;
pub(crate) mod frozen_streams;
pub(crate) mod layer;
pub(crate) mod lineage;
pub(crate) mod log_schema;
pub(crate) mod materialized_state;
pub(crate) mod projector;
pub(crate) mod reading;
pub(crate) mod snapshots;
pub(crate) mod stream;
pub(crate) mod table;
pub(crate) mod tail;
pub(crate) mod timer;
pub(crate) mod view;
pub(crate) mod waiting;
