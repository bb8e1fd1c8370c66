//! One connection: rendered requests, and the check of each response.

mod connection;
mod expected;
mod requests;

pub use connection::Connection;
pub use expected::{Checked, Expected};
pub use requests::{Rendered, get, patch, post, sku_name};
