//! `herald replay play`: a recording as a client would see it.

use std::{
    collections::HashMap,
    fs,
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
};

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use bytes::Bytes;
use futures_util::StreamExt as _;
use herald::{
    Gateway,
    providers::{
        ProviderId,
        replay::{library::ReplayLibrary, recording::Recording},
    },
    settings::{Auth, SecretsUnread, VerifiedSettings},
    upstream::{
        http_client::{HttpClient, Transport, UpstreamHead, UpstreamRequest},
        request_body::RequestBody,
    },
};

use super::unknown_model;
use crate::commands::{refuse, verified, write_out};

/// What is played, and how.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The recording.
    file: PathBuf,
    /// Plays the answer to a request for a stream [default, if there is one].
    #[arg(long)]
    stream: bool,
    /// Plays the answer to a request without a stream.
    #[arg(long, conflicts_with = "stream")]
    no_stream: bool,
    /// Plays it without its pauses.
    #[arg(long)]
    fast: bool,
    /// Plays it as this model of the settings: with the header rules, status table and filters that hold
    /// for it [default: a provider and a model without any of their own].
    #[arg(long)]
    model: Option<String>,
}

/// What the model is called where the settings have no say.
const MODEL: &str = "recording";

pub(crate) fn run(arguments: &Arguments, settings: Option<&Path>) -> ExitCode {
    let (recording, stream) = match recording(arguments) {
        Ok(recording) => recording,
        Err(problem) => return refuse(problem),
    };
    let (gateway, model) = match gateway(arguments, settings, recording) {
        Ok(gateway) => gateway,
        Err(refused) => return refused,
    };
    let played = play(&gateway, &model, stream);
    match actix_web::rt::System::new().block_on(played) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => refuse(problem),
    }
}

/// The recording, and which of its answers is meant.
fn recording(arguments: &Arguments) -> Result<(Recording, bool), String> {
    let file = arguments.file.display().to_string();
    let text = fs::read_to_string(&arguments.file)
        .map_err(|error| format!("{file}: cannot be read: {error}"))?;
    let mut recording = Recording::parse(&file, &text).map_err(|error| error.to_string())?;
    let stream = arguments.stream || (!arguments.no_stream && recording.answer(true).is_some());
    if recording.answer(stream).is_none() && (arguments.stream || arguments.no_stream) {
        let kind = if stream {
            "a request for a stream"
        } else {
            "a request without a stream"
        };
        return Err(format!("{file}: has no answer to {kind}"));
    }
    if arguments.fast {
        recording = recording.without_pauses();
    }
    Ok((recording, stream))
}

/// A gateway that has only this recording to serve, and the model to ask it for.
fn gateway(
    arguments: &Arguments,
    settings: Option<&Path>,
    recording: Recording,
) -> Result<(Gateway, String), ExitCode> {
    let Some(name) = &arguments.model else {
        if settings.is_some() {
            return Err(refuse(
                "--settings has no say here without --model, which names one of its models",
            ));
        }
        let gateway = Gateway::playing([(MODEL, recording)].into_iter().collect());
        return Ok((gateway.map_err(refuse)?, MODEL.to_owned()));
    };
    // The provider itself is not asked, so no key is needed.
    let settings = verified(settings, &SecretsUnread)?;
    let model = settings
        .models
        .get(name)
        .ok_or_else(|| refuse(unknown_model(name, &settings)))?;
    // It plays as the target that is asked first.
    let target = model.first_target();
    let provider = target.provider.id.clone();
    let library: ReplayLibrary = [(target.upstream_model.as_str(), recording)]
        .into_iter()
        .collect();
    let mut settings: VerifiedSettings = settings.with_transport(provider.as_str(), library.into());
    settings.server.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    settings.server.workers = 1;
    settings.admin.listen = None;
    settings.auth = Auth::Open;
    settings.tls = None;
    Ok((Gateway::new(settings), name.clone()))
}

/// Asks the gateway over a socket and prints what comes.
async fn play(gateway: &Gateway, model: &str, stream: bool) -> Result<(), String> {
    let running = gateway
        .run()
        .map_err(|error| format!("no loopback listener: {error}"))?;
    let (client, herald) = client(gateway, running.address());
    let serving = running.serve(pending());
    let printing = async {
        let body = serde_json::json!({ "model": model, "stream": stream, "messages": [] });
        let (body, _) = RequestBody::new(vec![Bytes::from(body.to_string())]);
        let request = UpstreamRequest {
            provider: herald,
            path: "/v1/chat/completions".into(),
            headers: vec![(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            body,
        };
        let (head, mut body) = client
            .send(request)
            .await
            .map_err(|error| error.to_string())?;
        let mut is_open = write_out(&head_lines(&head))?;
        while is_open && let Some(piece) = body.next().await {
            is_open = write_out(&piece.map_err(|error| error.to_string())?)?;
        }
        Ok(())
    };
    tokio::select! {
        served = serving => served.map(drop).map_err(|error| error.to_string()),
        printed = printing => printed,
    }
}

/// A client that knows one server, Herald.
fn client(gateway: &Gateway, address: SocketAddr) -> (HttpClient, ProviderId) {
    let herald = ProviderId::new("herald");
    let transport = Transport::Http {
        host: address.ip().to_string().into(),
        port: address.port(),
    };
    let mut parts = gateway.settings().client_parts.clone();
    parts.endpoints = HashMap::from([(herald.clone(), transport)]);
    parts.proxy_from_environment = false;
    (HttpClient::new(&parts), herald)
}

/// The head as it would stand on the wire. Herald's own head has no order, so the names' is taken.
fn head_lines(head: &UpstreamHead) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    let mut headers: Vec<_> = head.headers.iter().collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in headers {
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
        text.extend_from_slice(&line.concat());
    }
    text.extend_from_slice(b"\r\n");
    text
}
