//! Reactions to public events of other services. Allocation has none: orders reach it as commands.
