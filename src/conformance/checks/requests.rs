//! What the gateway makes of the client's request.

use futures_util::FutureExt as _;
use serde_json::{Value, json};

use super::{
    super::{
        kit::{Ask, Kit},
        provider::{Call, Reply},
        verdict::{Outcome, Unmet, bounded, ensure},
    },
    Check,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "request-fields-kept",
        expected: "a member of the request that nobody knows reaches the provider",
        source: "promise 8: a gateway older than the API does not take from it",
        run: |kit| fields(kit).boxed_local(),
    },
    Check {
        name: "request-prompt-unchanged",
        expected: "the prompt reaches the provider as it is: escapes, line ends, other scripts",
        source: "promise 8",
        run: |kit| prompt(kit).boxed_local(),
    },
    Check {
        name: "client-credentials-kept-back",
        expected: "neither the client's key nor its cookies reach the provider",
        source: "promise 10",
        run: |kit| credentials(kit).boxed_local(),
    },
    Check {
        name: "request-hop-by-hop-not-copied",
        expected: "what belongs to the client's connection does not reach the provider",
        source: "RFC 9110, 7.6.1",
        run: |kit| hop_by_hop(kit).boxed_local(),
    },
    Check {
        name: "header-injection",
        expected: "a line end within a header or a model's name makes no header, on either side",
        source: "RFC 9112, 2.2; RFC 9110, 5.5",
        run: |kit| injection(kit).boxed_local(),
    },
];

async fn fields(kit: &mut Kit<'_>) -> Outcome {
    let mut ask = kit.ask();
    let future = json!({ "mode": "careful", "levels": [1, 2.5, null] });
    ask.body.insert("x_kit_option".to_owned(), future.clone());
    let call = call_of(kit, &ask).await?;
    let told = call.json().unwrap_or_default();
    ensure(
        told["x_kit_option"] == future,
        || match &told["x_kit_option"] {
            Value::Null => "it is absent".to_owned(),
            other => format!("it became {}", bounded(&other.to_string(), 120)),
        },
    )?;
    Ok("it is there".to_owned())
}

async fn prompt(kit: &mut Kit<'_>) -> Outcome {
    let mut ask = kit.ask();
    let prompt = format!(
        "{} \r\n\t\"quoted\" \\ </script> {{{{x}}}} \u{0} \u{1f} \u{2028} Grüße 🎺 世界 e\u{301}  ",
        ask.mark
    );
    let messages = json!([{ "role": "user", "content": prompt }]);
    ask.body.insert("messages".to_owned(), messages);
    let call = call_of(kit, &ask).await?;
    let told = call.json().unwrap_or_default();
    let content = &told["messages"][0]["content"];
    ensure(content == prompt.as_str(), || {
        format!("it became {}", bounded(&content.to_string(), 120))
    })?;
    Ok("as it was sent".to_owned())
}

async fn credentials(kit: &mut Kit<'_>) -> Outcome {
    let mut ask = kit.ask();
    ask.lines
        .extend(b"cookie: session=cookie-of-the-client\r\n");
    let call = call_of(kit, &ask).await?;
    for (what, secret) in [
        ("the key", kit.key()),
        ("the cookie", "cookie-of-the-client"),
    ] {
        if let Some(name) = call.headers.holding(secret) {
            return Err(Unmet::Failed(format!("{what} is in {name}")));
        }
    }
    Ok("neither is there".to_owned())
}

async fn hop_by_hop(kit: &mut Kit<'_>) -> Outcome {
    let mut ask = kit.ask();
    ask.lines.extend(
        b"connection: x-kit-hop\r\nx-kit-hop: named-by-connection\r\n\
          keep-alive: timeout=77\r\nproxy-authorization: Basic a2l0Omtp\r\nte: trailers\r\n",
    );
    let call = call_of(kit, &ask).await?;
    for value in ["named-by-connection", "timeout=77", "a2l0Omtp", "trailers"] {
        if let Some(name) = call.headers.holding(value) {
            return Err(Unmet::Failed(format!("{name} holds {value}")));
        }
    }
    Ok("none of it is there".to_owned())
}

async fn injection(kit: &mut Kit<'_>) -> Outcome {
    let mut in_header = kit.ask();
    in_header
        .lines
        .extend(b"x-client-request-id: kit\rx-kit-injected: 1\r\n");
    let mut in_model = kit.ask();
    let name = format!("{}\r\nx-kit-injected: 1", kit.target.model);
    in_model.body.insert("model".to_owned(), name.into());
    let mut seen = Vec::new();
    for ask in [in_header, in_model] {
        seen.push(injected(kit, &ask).await?);
    }
    Ok(format!("a header's: {}; a model's: {}", seen[0], seen[1]))
}

/// What a request with a line end in the wrong place came to.
async fn injected(kit: &mut Kit<'_>, ask: &Ask) -> Outcome {
    let mut client = kit.client(ask).await?;
    let reply = Reply::stream().body(kit.dialect.whole("an answer"));
    let (told, call) = kit.refused_or_called(&mut client, ask, &reply).await?;
    if let Some(call) = &call {
        let split = call.headers.get("x-kit-injected").is_some();
        let bare = call
            .raw_head
            .windows(2)
            .any(|two| two[0] == b'\r' && two[1] != b'\n');
        ensure(!split && !bare, || {
            "it reached the provider's head".to_owned()
        })?;
    }
    let head = &told.head;
    ensure(head.headers.get("x-kit-injected").is_none(), || {
        "it reached the client's head".to_owned()
    })?;
    Ok(match call {
        None => format!("{}, no call", head.status),
        Some(_) => format!("{}, harmless", head.status),
    })
}

/// The gateway's call for a stream that ends well.
async fn call_of(kit: &mut Kit<'_>, ask: &Ask) -> Result<Call, Unmet> {
    let (_client, call) = kit.exchange(ask).await?;
    Ok(call)
}
