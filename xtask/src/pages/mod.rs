//! Pages of the documentation that are generated from the code.

pub mod flows;
pub mod messages;
mod page;
