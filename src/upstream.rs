//! One call to a provider.

pub mod clocks;
pub mod connector;
pub mod error;
pub mod http_client;
pub mod request_body;
pub mod sse_decoder;

pub use error::UpstreamError;
