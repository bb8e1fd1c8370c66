//! The edge from outside: real sockets against the real service on a store in memory.

mod house;
