//! The API described as OpenAPI 3.1: the route tables turned into a document and a page.

mod document;
mod operation;
pub(crate) mod reference;

pub(crate) use document::{Group, document};
pub(crate) use operation::{BodyRule, Operation, ParameterIn, SchemaFn};
pub(crate) use reference::ApiDocs;
