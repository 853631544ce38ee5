use std::{collections::HashMap, sync::Arc, time::Duration};

use super::*;
use crate::{
    providers::replay::recording::{Chunk, End, Framing},
    settings::Settings,
};

const KEY: &str = "Key/of+ours-0123456789";

fn provider() -> Arc<VerifiedProvider> {
    let settings = Settings::from_toml(
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://api.test/v1\"\n\
         api_key = { env = \"KEY\" }\n\
         headers = { helicone-auth = \"Bearer of-another-kind\", x-title = \"Our fine app\" }\n\
         [[models]]\nid = \"m\"\ntargets = [{ provider = \"p\", model = \"m\" }]",
    );
    let secrets = HashMap::from([("KEY".to_owned(), KEY.to_owned())]);
    let settings = settings.unwrap().verify(&secrets).unwrap();
    Arc::clone(&settings.models.get("m").unwrap().first_target().provider)
}

fn scrubbed(status: u16, headers: &[(&str, &str)], chunks: &[&[u8]]) -> (Answer, Scrubbed) {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes())));
    let chunks = chunks.iter().map(|data| Chunk {
        after: Duration::from_millis(7),
        data: Bytes::copy_from_slice(data),
    });
    let mut answer = Answer {
        stream: true,
        status,
        after: Duration::ZERO,
        headers: headers.collect(),
        framing: Framing::Chunked,
        end: End::Complete,
        chunks: chunks.collect(),
    };
    let provider = provider();
    let scrubbed = Scrubber::new(&provider).scrub(&mut answer);
    (answer, scrubbed)
}

/// The body of an answer with this status, piece by piece.
fn body(status: u16, chunks: &[&str]) -> (Vec<String>, Scrubbed) {
    let chunks: Vec<_> = chunks.iter().map(|chunk| chunk.as_bytes()).collect();
    let (answer, scrubbed) = scrubbed(status, &[], &chunks);
    let pieces = answer.chunks.iter().map(|chunk| chunk.data.to_vec());
    (
        pieces
            .map(|piece| String::from_utf8(piece).unwrap())
            .collect(),
        scrubbed,
    )
}

#[test]
fn headers_that_tell_of_the_operator_keep_their_place_and_lose_their_value() {
    let private = [
        "Set-Cookie",
        "set-cookie",
        "OpenAI-Organization",
        "openai-project",
        "anthropic-organization-id",
        "x-api-key",
        "authorization",
        "x-forwarded-for",
        "x-real-ip",
        "cf-connecting-ip",
        "x-account-id",
        "x-goog-user-project",
        "x-tenant",
        "via",
    ];
    for name in private {
        let headers = [
            ("date", "today"),
            (name, "value"),
            ("x-request-id", "req_1"),
        ];
        let (answer, scrubbed) = scrubbed(200, &headers, &[]);
        let told: Vec<_> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), &value[..]))
            .collect();
        let expected: [(&str, &[u8]); 3] = [
            ("date", b"today"),
            (name, b"redacted"),
            ("x-request-id", b"req_1"),
        ];
        assert_eq!(told, expected);
        assert_eq!(scrubbed.headers, [name]);
    }
}

#[test]
fn what_tests_branch_on_stays() {
    let kept = [
        ("x-request-id", "a9b8c7d6e5f4434291807f6e5d4c3b2a"),
        ("x-ratelimit-limit-tokens", "10"),
        ("retry-after", "2"),
        ("openai-processing-ms", "9"),
        ("content-type", "text/event-stream"),
        ("cf-ray", "8f1e0a2b3c4d5e6f-VIE"),
    ];
    assert_eq!(scrubbed(200, &kept, &[]).1, Scrubbed::default());
}

#[test]
fn a_header_that_repeats_a_key_loses_its_value_whatever_its_name() {
    let shaped = "got sk-abcdef1234567890";
    let ours = format!("<{}>", KEY.to_lowercase());
    let headers = [
        ("x-echo", ours.as_str()),
        ("x-other", shaped),
        ("x-extra", "of-another-kind"),
    ];
    let (answer, scrubbed) = scrubbed(200, &headers, &[]);
    assert_eq!(scrubbed.headers, ["x-echo", "x-other", "x-extra"]);
    assert!(answer.headers.iter().all(|(_, value)| value == REDACTED));
}

#[test]
fn a_key_in_a_body_is_masked_byte_for_byte_also_where_chunks_cut_it() {
    let (pieces, told) = body(
        200,
        &["a Key/of", "+", "ours-0123456789 b", &format!("{KEY}{KEY}")],
    );
    let stars = "*".repeat(2 * KEY.len());
    assert_eq!(pieces, ["a ******", "*", "*************** b", &stars]);
    assert_eq!((told.own_secrets, told.other_places), (3, 0));

    let (pieces, told) = body(200, &[r#"{"k":"Key\/of\u002bours-0123456789"}"#]);
    assert_eq!(
        pieces,
        [format!(r#"{{"k":"{}"}}"#, "*".repeat(KEY.len() + 6))]
    );
    assert_eq!(told.own_secrets, 1);
}

#[test]
fn every_cut_of_a_body_hides_the_key() {
    let text = format!("data: {KEY}\n\n");
    for at in 1..text.len() {
        let (pieces, _) = body(200, &[&text[..at], &text[at..]]);
        assert_eq!(
            pieces.concat(),
            format!("data: {}\n\n", "*".repeat(KEY.len()))
        );
        assert_eq!(pieces[0].len(), at);
    }
}

#[test]
fn a_key_among_bytes_that_are_no_text_is_found_too() {
    let bytes = [
        b"\xff\xfe",
        KEY.as_bytes(),
        b"\xff sk-abcdef1234567890 \xc3",
    ]
    .concat();
    let (answer, told) = scrubbed(200, &[], &[&bytes]);
    let expected = [
        b"\xff\xfe",
        &[MASK; KEY.len()][..],
        b"\xff ",
        &[MASK; 19],
        b" \xc3",
    ]
    .concat();
    assert_eq!(answer.chunks[0].data, expected);
    assert_eq!((told.own_secrets, told.other_places), (1, 1));
}

#[test]
fn a_completion_loses_only_what_is_known_to_be_a_key_or_an_account() {
    let text = r#"{"id":"chatcmpl-AbCdEf0123456789AbCdEf0123456789","t":"eW91J3JlIGN1cmlvdXMgMTIzNDU2Nzg5MA","c":"token=abc"}"#;
    let (pieces, told) = body(200, &[text]);
    assert_eq!((pieces[0].as_str(), told), (text, Scrubbed::default()));

    let (pieces, told) = body(
        200,
        &["key sk-abcdef1234567890, org-a1b2c3d4e5f6, Our fine app"],
    );
    assert_eq!(
        pieces,
        ["key *******************, ****************, Our fine app"]
    );
    assert_eq!(told.other_places, 2);
}

#[test]
fn an_error_loses_whatever_looks_like_a_key_and_the_accounts_that_its_headers_name() {
    let text = "Bearer AbCdEf0123456789 of heralds-guild: password=x, abc***xyz";
    let headers = [("openai-organization", "heralds-guild")];
    let (answer, told) = scrubbed(401, &headers, &[text.as_bytes()]);
    let expected = "Bearer **************** of *************: password=*, *********";
    assert_eq!(answer.chunks[0].data, expected);
    assert_eq!(told.other_places, 4);
    // In a completion an account may be a word like any other.
    let (answer, _) = scrubbed(200, &headers, &[text.as_bytes()]);
    assert_eq!(answer.chunks[0].data, text);
}

#[test]
fn a_name_that_holds_a_key_is_neither_kept_nor_told() {
    for name in [KEY.to_lowercase().as_str(), "x-sk-proj-0123456789abcdef"] {
        let (answer, scrubbed) = scrubbed(200, &[(name, "1"), ("x-request-id", "r")], &[]);
        let names: Vec<_> = answer
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["redacted", "x-request-id"]);
        assert_eq!(scrubbed.headers, ["redacted"]);
    }
}
