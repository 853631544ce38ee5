//! Both ends of a gateway in one hand.

use std::time::Duration;

use futures_util::{
    future::{self, Either},
    pin_mut,
};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use tokio::{task::JoinSet, time::timeout};

use super::{
    Target,
    answer::Answer,
    client::Client,
    dialect::Dialect,
    provider::{Call, Provider, Reply},
    verdict::{Unmet, ensure},
};

/// What a check works with: it asks the gateway as a client, and takes the call as the provider.
#[derive(Debug)]
pub(super) struct Kit<'a> {
    pub(super) target: &'a Target,
    pub(super) dialect: Dialect,
    provider: &'a mut Provider,
    marks: u32,
    address: String,
}

/// A request to the gateway, before it is sent.
#[derive(Debug)]
pub(super) struct Ask {
    /// What the prompt holds, so that its call is known from those of others.
    pub(super) mark: String,
    pub(super) body: Map<String, Value>,
    /// Header lines as they are, each with its line end.
    pub(super) lines: Vec<u8>,
    pub(super) small_window: bool,
}

/// An answer, and the calls that the gateway made for it.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) answer: Answer,
    pub(super) paths: Vec<String>,
}

/// The key of a client that was given none; it must not reach the provider either.
const NO_KEY: &str = "conformance-client-key";

impl<'a> Kit<'a> {
    pub(super) fn new(target: &'a Target, provider: &'a mut Provider) -> Self {
        Self {
            target,
            dialect: target.dialect,
            address: provider.address().to_string(),
            provider,
            marks: 0,
        }
    }

    /// Where the gateway calls the provider.
    pub(super) fn provider_address(&self) -> &str {
        &self.address
    }

    /// How long a step is waited for.
    pub(super) fn patience(&self) -> Duration {
        self.target.patience
    }

    /// The key that the client shows.
    pub(super) fn key(&self) -> &str {
        let key = self.target.api_key.as_ref();
        key.map_or(NO_KEY, |key| key.expose_secret())
    }

    /// A request for a stream.
    pub(super) fn ask(&mut self) -> Ask {
        self.ask_for(true)
    }

    /// A request for a document.
    pub(super) fn ask_document(&mut self) -> Ask {
        self.ask_for(false)
    }

    fn ask_for(&mut self, stream: bool) -> Ask {
        self.marks += 1;
        // Closed by a letter, so that no mark is the beginning of another.
        let mark = format!("kit-{}-{}-q", std::process::id(), self.marks);
        let prompt = format!("conformance {mark}");
        Ask {
            body: self.dialect.request(&self.target.model, &prompt, stream),
            mark,
            lines: Vec::new(),
            small_window: false,
        }
    }

    /// A client that has sent its request.
    ///
    /// # Errors
    /// That the gateway is not there.
    pub(super) async fn client(&self, ask: &Ask) -> Result<Client, Unmet> {
        let target = self.target;
        let client = Client::connect(&target.authority, self.patience(), ask.small_window).await;
        let mut client =
            client.map_err(|error| Unmet::Failed(format!("the gateway is gone: {error}")))?;
        client.send(&self.request(ask)).await?;
        Ok(client)
    }

    fn request(&self, ask: &Ask) -> Vec<u8> {
        let body = serde_json::to_vec(&ask.body).expect("a map of JSON values is JSON");
        let mut request = format!(
            "POST {}{} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             accept-encoding: identity\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.target.base_path,
            self.dialect.path(),
            self.target.authority,
            body.len(),
        )
        .into_bytes();
        for (name, value) in self.dialect.headers(self.key()) {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        request.extend_from_slice(&ask.lines);
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(&body);
        request
    }

    /// The gateway's call for this request; calls for earlier ones are let go of.
    pub(super) async fn call_for(&mut self, mark: &str) -> Call {
        loop {
            let call = self.provider.next_call().await;
            if call.has_mark(mark) {
                return call;
            }
        }
    }

    /// The next call, whoever asked for it.
    pub(super) async fn any_call(&mut self) -> Call {
        self.provider.next_call().await
    }

    /// Asks, and takes the gateway's call.
    ///
    /// # Errors
    /// That the gateway answered without a call, or did nothing.
    pub(super) async fn exchange(&mut self, ask: &Ask) -> Result<(Client, Call), Unmet> {
        let mut client = self.client(ask).await?;
        let patience = self.patience();
        let call = {
            let call = timeout(patience, self.call_for(&ask.mark));
            let answered = client.whole();
            pin_mut!(call, answered);
            match future::select(call, answered).await {
                Either::Left((call, _)) => call.map_err(|_| {
                    Unmet::Failed("the gateway did not call the provider".to_owned())
                })?,
                Either::Right((answer, _)) => {
                    let told = answer?.summary();
                    return Err(Unmet::Failed(format!(
                        "the gateway answered without calling the provider: {told}"
                    )));
                }
            }
        };
        let path = call.path.split('?').next().unwrap_or_default();
        if path.ends_with(self.dialect.path()) {
            return Ok((client, call));
        }
        Err(Unmet::Skipped(format!(
            "the gateway translates: it called {path:?}"
        )))
    }

    /// Asks, and opens the provider's stream as far as its first text, which the client has seen.
    ///
    /// # Errors
    /// That it has not.
    pub(super) async fn streaming(&mut self, text: &str) -> Result<(Client, Call), Unmet> {
        let ask = self.ask();
        let (mut client, mut call) = self.exchange(&ask).await?;
        let begun = self.dialect.opening() + &self.dialect.text(text);
        send(&mut call, Reply::stream().head()).await?;
        send(&mut call, super::provider::chunk(begun)).await?;
        client.until(text).await?;
        Ok((client, call))
    }

    /// Asks, and has the provider answer every call for it with this reply.
    ///
    /// # Errors
    /// That there is no whole answer, or that it came without a call.
    pub(super) async fn answered(&mut self, ask: &Ask, reply: &Reply) -> Result<Told, Unmet> {
        let mut client = self.client(ask).await?;
        let mut paths = Vec::new();
        // Dropped at the end, and with it what the gateway has not taken.
        let mut playing = JoinSet::new();
        let answer = client.whole();
        pin_mut!(answer);
        let answer = loop {
            let call = self.call_for(&ask.mark);
            pin_mut!(call);
            match future::select(&mut answer, call).await {
                Either::Left((answer, _)) => break answer?,
                Either::Right((mut call, _)) => {
                    paths.push(call.path.clone());
                    let reply = reply.clone();
                    playing.spawn(async move { call.play(&reply).await });
                }
            }
        };
        ensure(!paths.is_empty(), || {
            format!(
                "the gateway answered without calling the provider: {}",
                answer.summary()
            )
        })?;
        Ok(Told { answer, paths })
    }

    /// The gateway's answer to a request that it may refuse, and its call if it did not.
    ///
    /// # Errors
    /// That there is no answer.
    pub(super) async fn refused_or_called(
        &mut self,
        client: &mut Client,
        ask: &Ask,
        reply: &Reply,
    ) -> Result<(Answer, Option<Call>), Unmet> {
        let mut taken = None;
        let answer = {
            let answer = client.whole();
            let call = self.call_for(&ask.mark);
            pin_mut!(answer, call);
            match future::select(answer, call).await {
                Either::Left((answer, _)) => answer?,
                Either::Right((mut call, answer)) => {
                    call.play(reply).await;
                    taken = Some(call);
                    answer.await?
                }
            }
        };
        Ok((answer, taken))
    }

    /// Asks for a stream, and has it answered.
    pub(super) async fn stream(&mut self, reply: &Reply) -> Result<Answer, Unmet> {
        let ask = self.ask();
        Ok(self.answered(&ask, reply).await?.answer)
    }

    /// Asks for a document, and has it answered.
    pub(super) async fn document(&mut self, reply: &Reply) -> Result<Answer, Unmet> {
        let ask = self.ask_document();
        Ok(self.answered(&ask, reply).await?.answer)
    }
}

/// Writes to the gateway, for a check that goes step by step.
///
/// # Errors
/// That the gateway has let go of the call.
pub(super) async fn send(call: &mut Call, bytes: impl AsRef<[u8]>) -> Result<(), Unmet> {
    call.send(bytes).await.map_err(Unmet::Failed)
}
