//! Tests of the kernel with three small services: one adds numbers, another reacts to it, and the
//! third calls a provider.

mod breaking;
mod calling;
mod charging;
mod disk;
mod echo;
mod effects;
mod groups;
mod provider;
mod relaying;
mod sending;
mod subscribing;
mod tally;
mod together;
mod world;
