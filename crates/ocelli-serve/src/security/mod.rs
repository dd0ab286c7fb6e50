//! Who may ask, and what browsers may do with answers.

mod headers;
mod keys;
mod tls;

pub(crate) use headers::{PAGE_POLICY, cors, headers};
pub(crate) use keys::{Keys, authorised};
pub(crate) use tls::acceptor;
