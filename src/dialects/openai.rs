//! The OpenAI dialect, a module for each of its paths, and what they share: errors and models.

pub(crate) mod api;
mod chat;
mod error;
mod models;

pub use chat::{ChatCompletions, parse_request};
pub(crate) use error::Body as ErrorBody;
pub(crate) use models::{Model, ModelList};
