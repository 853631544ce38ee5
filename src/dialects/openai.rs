//! The OpenAI dialect, a module for each of its paths, and what they share: errors and models.

pub(crate) mod api;
mod chat;
mod completions;
mod embeddings;
mod error;
mod logprobs;
mod models;
mod responses;

pub use chat::{ChatCompletions, parse_request};
pub use completions::Completions;
pub use embeddings::Embeddings;
pub(crate) use error::Body as ErrorBody;
pub(crate) use models::{Model, ModelList};
pub use responses::Responses;
