//! The embedded provider: plays recorded answers over an in-memory connection.

pub mod recording;
