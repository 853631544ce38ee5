//! A provider that does what a test says, for test suites: Herald's own, and those of whoever mounts
//! Herald in an actix application. Cargo feature `testkit`.
//!
//! A [`ScriptedProvider`] plays an LLM provider at the level of bytes. A [`Script`] says what it does
//! with one request: which head, which events, where it waits, stalls, breaks off. A [`Gate`] orders
//! the provider's steps with the test's, so that no test sleeps. Afterwards the provider tells what it
//! received and, to the instant, when its caller left. [`chat`] writes OpenAI's JSON, [`messages`] Anthropic's. A [`TestGateway`]
//! is a whole Herald in front of it.
//!
//! ```
//! use futures_util::StreamExt as _;
//! use herald::testkit::{Gate, Happened, Script, ScriptedProvider, chat};
//!
//! #[actix_web::main] // in a suite: #[actix_web::test]
//! async fn main() {
//!     let gate = Gate::new();
//!     let provider = ScriptedProvider::start([
//!         Script::json(429, chat::error("slow down", "rate_limit_error")).header("retry-after", "7"),
//!         Script::sse().event(chat::text("Hel")).wait(&gate).event(chat::text("lo")).done().finish(),
//!     ])
//!     .await;
//!     let url = format!("{}/chat/completions", provider.base_url());
//!     let client = awc::Client::default();
//!
//!     // The first request meets the first script.
//!     let refusal = client.post(&url).send_body("{}").await.unwrap();
//!     assert_eq!(refusal.status(), 429);
//!     assert_eq!(provider.next_request().await.path, "/v1/chat/completions");
//!
//!     // The second answer stops at the gate; only then does the test let it go on.
//!     let mut stream = client.post(&url).send_body("{}").await.unwrap();
//!     let event = stream.next().await.unwrap().unwrap();
//!     assert!(event.ends_with(b"\n\n"));
//!     provider.wait_for("the gate", |what| *what == Happened::Waiting).await;
//!     gate.open();
//!     assert!(stream.body().await.unwrap().ends_with(b"data: [DONE]\n\n"));
//!
//!     // The third caller gives up, and the provider knows it.
//!     provider.push(Script::sse().head().stall());
//!     drop(client.post(&url).send_body("{}").await.unwrap());
//!     let left = provider.caller_left().await;
//!     assert!(matches!(left.what, Happened::CallerLeft { .. }));
//! }
//! ```

mod certificate;
mod gate;
mod memory_gateway;
mod received;
mod record;
mod script;
mod scripted_provider;
mod test_gateway;

pub use crate::conformance::{chat, messages};
pub use certificate::TestCertificate;
pub use gate::Gate;
pub use memory_gateway::{MemoryClient, MemoryGateway};
pub use received::ReceivedRequest;
pub use record::{Departure, Happened, ProviderEvent};
pub use script::{Framing, Script};
pub use scripted_provider::ScriptedProvider;
pub use test_gateway::TestGateway;
