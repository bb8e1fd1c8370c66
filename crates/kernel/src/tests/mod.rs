//! Tests of the kernel with two small services: one counts, the other records what it receives.

mod breaking;
mod disk;
mod echo;
mod groups;
mod relaying;
mod sending;
mod subscribing;
mod tally;
mod world;
