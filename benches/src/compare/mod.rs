//! All measurements in one run: in rounds, and in turns for points that are compared, so that other
//! work of the machine affects all of them alike.

mod daemon;
mod environment;
mod http;
mod instructions;
mod machine;
mod measured;
mod nodes;
mod point_result;
mod points;
mod previous;
mod ratios;
mod redis_lua;
mod rehearse;
mod result;
mod row_locks;
mod run;
mod statistics;
mod turns;

pub use rehearse::Rehearse;
pub use run::Compare;
