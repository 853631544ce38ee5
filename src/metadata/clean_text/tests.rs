use proptest::prelude::*;

use super::*;

fn cleaned(text: &str) -> String {
    clean(text.as_bytes(), 2000)
}

#[test]
fn ordinary_messages_pass_untouched() {
    for text in [
        "Rate limit reached for gpt-4.1 on tokens per min (TPM): Limit 30000, Used 29500.",
        "The model `meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8` does not exist.",
        "Publisher Model `projects/p1/locations/us-central1/publishers/google/models/gemini-2.5` was not found",
        "anthropic.claude-3-5-sonnet-20241022-v2:0 is not enabled; see https://docs.example.com/en/api/errors#429",
        "some_function_name_with_many_words_v2_and_more is not a valid tool name",
        "Request req_011CSHoEeqs5C35K2UUqR7Fy failed (chatcmpl-9x8y7z6w5v4u3t2s1r0qponmlkjihg)",
        "gen-1763000000-AbCdEfGh1234IjKlMnOp timed out; id 7f3e2d1c-0b9a-4876-9543-21fedcba0987",
        "Authorization: header is missing; use a Bearer token",
        "Invalid 'messages[0].content': expected one of \"text\", got key: 'foo'",
        "Unexpected key: max_completion_tokens; unexpected token: claude-3-5-sonnet-latest",
        "max_tokens: 4096 is too large; this model supports at most 2048 when x < 3 and y > 1",
        "sk-SK is not a supported language",
        "Überschritten: 10 % 请求过多",
    ] {
        assert_eq!(cleaned(text), text);
        assert!(!needs_cleaning(text), "{text}");
    }
}

#[test]
fn keys_of_every_kind_are_redacted() {
    for (text, expected) in [
        (
            "Incorrect API key provided: sk-abc***************xyz. See",
            "Incorrect API key provided: [redacted]. See",
        ),
        (
            "key sk-proj-Ab12Cd34Ef56_-Gh78 is bad",
            "key [redacted] is bad",
        ),
        ("sk-ab...wxyz", "[redacted]"),
        (
            "sk-ant-api03-AAAA1111bbbb, sk-or-v1-0123abcd",
            "[redacted], [redacted]",
        ),
        ("got Bearer abc123def456ghi", "got Bearer [redacted]"),
        (
            "Authorization: Bearer abc.def-123456",
            "Authorization: Bearer [redacted]",
        ),
        (
            "Authorization: Basic dXNlcjpwYXNz",
            "Authorization: Basic [redacted]",
        ),
        (
            "Authorization: Basic dXNlcjpwYXNzd29yZA==",
            "Authorization: Basic [redacted]",
        ),
        ("xai-0123456789abcdef!", "[redacted]!"),
        ("gsk_0123456789abcdefAB", "[redacted]"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "[redacted]"),
        ("ghp_0123456789abcdefABCDEF", "[redacted]"),
        ("AKIAIOSFODNN7EXAMPLE", "[redacted]"),
        ("fw_3ZabcdefGHIJKL123456", "[redacted]"),
        ("hf_abcdefghijklmnopqrst", "[redacted]"),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.s5Zc_x-1",
            "[redacted]",
        ),
        (
            "GET /v1?key=hunter&alt=sse failed",
            "GET /v1?key=[redacted]&alt=sse failed",
        ),
        ("api_key: 12ab34cd", "api_key: [redacted]"),
        (r#"{"api_key": "zzzz9999"}"#, r#"{"api_key": "[redacted]"}"#),
        ("x-api-key: topsecretvalueofmine", "x-api-key: [redacted]"),
        ("Token: ab12CD34ef56", "Token: [redacted]"),
        ("password=correct-horse", "password=[redacted]"),
        (
            "Your api key: ****abcd is invalid",
            "Your api key: [redacted] is invalid",
        ),
        (
            "AZURE_OPENAI_API_KEY=abc",
            "AZURE_OPENAI_API_KEY=[redacted]",
        ),
        (
            "token 0123456789abcdef0123456789abcdef end",
            "token [redacted] end",
        ),
        (
            "in organization org-AbCd1234EfGh5678 on tokens",
            "in organization [redacted] on tokens",
        ),
        ("req_sk-0123456789abcdef", "req_[redacted]"),
        ("sk-\u{200b}abcdef123456", "[redacted]"),
    ] {
        assert_eq!(cleaned(text), expected);
    }
}

#[test]
fn markup_is_removed_and_explanations_stay() {
    for (text, expected) in [
        (
            "<!DOCTYPE html><html><head><title> 502 Bad\nGateway</title></head><body><h1>x</h1>",
            "an HTML page: 502 Bad Gateway",
        ),
        ("<html>\r\n<body>no title</body></html>", "an HTML page"),
        (
            "upstream said: <HTML><title>Oops</title>",
            "upstream said: an HTML page: Oops",
        ),
        (
            "Please <a href=\"https://x.y\">log in</a>.<br/>Now",
            "Please log in . Now",
        ),
        (
            "a<script>alert('<b>')</script >b<style>p{}</style>c<!-- d -->e",
            "a b c e",
        ),
        ("a<script>never closed", "a"),
        (
            "expected <class 'str'> not </s>",
            "expected ‹class 'str'> not ‹/s>",
        ),
        (
            "token <|endoftext|> and 1 < 2",
            "token <|endoftext|> and 1 < 2",
        ),
        ("<scr<script>ipt>x", "‹scr"),
        ("<\u{200b}script>x</script>", ""),
    ] {
        assert_eq!(cleaned(text), expected);
    }
}

#[test]
fn control_characters_and_runs_of_white_space_become_one_space() {
    let text = "  a\r\n\tb\u{0}\u{7}\u{85}\u{2028}c \u{a0} d\u{202e}e\x7f ";
    assert_eq!(cleaned(text), "a b c de");
    assert_eq!(clean(b"caf\xe9 au lait", 99), "caf\u{fffd} au lait");
}

#[test]
fn a_long_text_is_cut_between_characters_with_an_ellipsis() {
    assert_eq!(clean("überlang".as_bytes(), 9), "überlang");
    assert_eq!(clean("überlang".as_bytes(), 8), "über…");
    assert_eq!(clean("überlang".as_bytes(), 4), "…");
    assert_eq!(clean("überlang".as_bytes(), 2), "ü");
    assert_eq!(clean("überlang".as_bytes(), 1), "");
    assert_eq!(clean(b"x", 0), "");
}

#[test]
fn a_key_cut_by_the_bound_is_not_half_shown() {
    let text = format!("{} sk-abcdefgh12345678", "a ".repeat(20));
    for max_bytes in 0..text.len() {
        assert!(!clean(text.as_bytes(), max_bytes).contains("sk-"));
    }
}

#[test]
fn a_text_that_only_needs_cutting_needs_no_cleaning() {
    assert!(!needs_cleaning("word ".repeat(5000).trim_end()));
    assert!(needs_cleaning("two  spaces"));
    assert!(needs_cleaning("<b>bold</b>"));
    assert!(needs_cleaning("sk-0123456789"));
}

/// Keys as providers issue them, and the long random ones nobody has a name for.
fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        "sk-[A-Za-z0-9]{20,48}",
        "sk-(proj|ant-api03)-[A-Za-z0-9_-]{20,80}",
        "sk-[a-z]{3}[*]{3,20}[a-z0-9]{4}",
        "xai-[A-Za-z0-9]{30,80}",
        "gsk_[A-Za-z0-9]{40,52}",
        "AIza[A-Za-z0-9_-]{35}",
        "gh[ps]_[A-Za-z0-9]{36}",
        "AKIA[A-Z2-7]{16}",
        "fw_[A-Za-z0-9]{22,24}",
        "eyJ[A-Za-z0-9_-]{20,40}[.]eyJ[A-Za-z0-9_-]{20,40}[.][A-Za-z0-9_-]{20,43}",
        "[a-z0-9]{16}[0-9][a-z][a-z0-9]{16,40}",
        "[0-9a-f]{15}[0-9][a-f][0-9a-f]{15,47}",
    ]
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,60}",
        proptest::collection::vec(
            proptest::sample::select(vec![
                "<",
                ">",
                "/",
                "!",
                "a",
                "<b>",
                "<html",
                "script",
                "<script>",
                "-->",
                "<!--",
                "key",
                "=",
                ":",
                " ",
                "\"",
                "sk-",
                "Bearer",
                "***",
                "org-",
                "eyJ",
                ".",
                "1",
                "\u{200b}",
                "[redacted]",
                "abcdefgh12345678",
                "<title>",
                "_",
                "-",
                "•",
            ]),
            0..30,
        )
        .prop_map(|parts| parts.concat()),
    ]
}

proptest! {
    #[test]
    fn no_planted_key_survives(
        before in "([A-Za-z,.:;!?<>()'\"/= ]{0,30}[ \"'`(:=,<>\n])?",
        key in any_key(),
        after in "([ \"'`),;<>\n][ -~]{0,30})?",
    ) {
        let cleaned = clean(format!("{before}{key}{after}").as_bytes(), 500);
        prop_assert!(!cleaned.contains(&key), "{cleaned}");
        // Nor its end, which is the secret part of every kind.
        let end = &key[key.len() - 4..];
        prop_assert!(before.contains(end) || after.contains(end) || !cleaned.contains(end), "{cleaned}");
    }

    #[test]
    fn what_comes_out_is_bounded_and_one_line_without_markup(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            any_text().prop_map(String::into_bytes),
        ],
        max_bytes in 0_usize..200,
    ) {
        let cleaned = clean(&bytes, max_bytes);
        prop_assert!(cleaned.len() <= max_bytes);
        prop_assert!(!cleaned.contains("  "));
        prop_assert!(!cleaned.chars().any(|char| char.is_control() || is_invisible(char)));
        for (at, _) in cleaned.match_indices('<') {
            let next = cleaned[at + 1..].chars().next();
            prop_assert!(
                !next.is_some_and(|next| next.is_ascii_alphabetic() || "/!?".contains(next)),
                "{cleaned}"
            );
        }
    }

    #[test]
    fn cleaning_twice_is_cleaning_once(text in any_text()) {
        let once = clean(text.as_bytes(), usize::MAX);
        prop_assert_eq!(clean(once.as_bytes(), usize::MAX), once);
    }
}
