//! Tests of the kernel with two small services: one adds numbers, the other reacts to it.

mod breaking;
mod disk;
mod echo;
mod groups;
mod relaying;
mod sending;
mod subscribing;
mod tally;
mod world;
