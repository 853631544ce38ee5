//! The Anthropic dialect, a module for each of its paths, and what they share: requests, errors, parts
//! and models.

pub(crate) mod api;

mod answer;
mod conversation;
mod count_tokens;
mod error;
mod messages;
mod models;
mod parts;
mod request;

pub use count_tokens::CountTokens;
pub(crate) use error::Body as ErrorBody;
pub use messages::Messages;
pub(crate) use models::{Model, ModelList};
