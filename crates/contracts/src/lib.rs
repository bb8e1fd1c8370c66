//! The language of Earmark: each service's commands, questions, public events and refusals.

pub mod allocation;
pub mod values;

#[cfg(test)]
mod tests;
