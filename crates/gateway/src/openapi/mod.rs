//! What the edge offers, described as OpenAPI 3.1: the routes' tables turned into a document.

mod document;
mod operation;

pub(crate) use document::{Group, document};
pub(crate) use operation::{BodyRule, Operation, Place, SchemaOf};
