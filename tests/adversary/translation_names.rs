//! Names of members that are the client's own, and those that are refused by name.

use serde_json::{Value, json};

use crate::{
    translation::{Dialect, TRANSLATED, ask},
    translation_silence::Pair,
};

/// Names of members are the client's: they may hold whatever breaks a header.
#[actix_web::test]
async fn no_name_of_a_member_breaks_the_header_that_names_it() {
    for (dialect, kind) in TRANSLATED {
        let pair = Pair::new(dialect, kind).await;
        for name in [
            "a\r\nset-cookie: b=c",
            "a\nb",
            "a,b",
            "a\0b",
            "\u{7f}",
            "é",
            &"x".repeat(100_000),
            "\u{1F600}",
        ] {
            let body = dialect.with(false, name, json!(1)).to_string();
            let answer = ask(&pair.lax, dialect, &body, &[]).await;
            assert!(
                answer.status == 200 || answer.status == 400,
                "{dialect:?} over {kind}, {name:.20?}: {answer:?}"
            );
            assert_eq!(answer.header("set-cookie"), None);
            if answer.status == 200 {
                let named = answer.values("x-herald-dropped").join(", ");
                assert!(
                    !named.is_empty(),
                    "{dialect:?} over {kind}: {name:.20?} is not named"
                );
                assert!(
                    named.len() <= 16 * 1024,
                    "{} bytes of a header",
                    named.len()
                );
            }
        }
    }
}

/// Ten thousand members, none of which is known: the head must stay one that clients take.
#[actix_web::test]
async fn ten_thousand_lost_members_make_no_head_that_a_client_refuses() {
    for (dialect, kind) in TRANSLATED {
        let pair = Pair::new(dialect, kind).await;
        let mut body = dialect.request(false);
        for number in 0..10_000 {
            body[format!("member_number_{number}")] = json!(number);
        }
        let answer = ask(&pair.lax, dialect, body.to_string(), &[]).await;
        assert_eq!(answer.status, 200, "{dialect:?} over {kind}");
        let length: usize = answer
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        assert!(
            length < 16 * 1024,
            "{dialect:?} over {kind}: a head of {length} bytes"
        );
    }
}

/// The stateful members of responses, as `docs/providers.md` has them.
#[actix_web::test]
async fn state_is_refused_by_its_name() {
    for kind in ["openai", "anthropic"] {
        let pair = Pair::new(Dialect::Responses, kind).await;
        for (member, value) in [
            ("previous_response_id", json!("resp_1")),
            ("conversation", json!("conv_1")),
            ("conversation", json!({ "id": "conv_1" })),
            ("prompt", json!({ "id": "p" })),
            ("store", json!(true)),
            ("background", json!(true)),
        ] {
            let body = Dialect::Responses.with(false, member, value);
            let told: Value =
                serde_json::from_str(&pair.ask(&body, false).await.unwrap_err()).unwrap();
            assert_eq!(told["error"]["param"], member);
        }
    }
}
