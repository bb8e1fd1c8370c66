//! A whole house for a test: allocation on a store in memory, behind an edge on a socket.
