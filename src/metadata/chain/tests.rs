use std::collections::HashMap;

use actix_web::http::header::HeaderName;
use proptest::prelude::*;
use sfv::Parser;

use super::*;
use crate::{metadata::proxy_status::proxy_status, settings::Settings};

const KEY: &str = "key-of-the-next-hop";

fn provider(kind: &str) -> VerifiedProvider {
    let toml = format!(
        "[[providers]]\nid = \"next\"\nkind = \"{kind}\"\nbase_url = \"http://127.0.0.1:1/v1\"\n\
         api_key = {{ env = \"KEY\" }}\n\
         [[models]]\nid = \"m\"\ntargets = [{{ provider = \"next\", model = \"m\" }}]\n"
    );
    let secrets = HashMap::from([("KEY".to_owned(), KEY.to_owned())]);
    let settings = Settings::from_toml(&toml).unwrap().verify(&secrets);
    VerifiedProvider::clone(
        &settings
            .unwrap()
            .models
            .get("m")
            .unwrap()
            .first_target()
            .provider,
    )
}

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn read(lines: &[(&str, &str)]) -> NextHop {
    NextHop::read(&provider("herald"), &map(lines)).unwrap()
}

/// The field as it goes out, if anything is left of it.
fn members(value: &str) -> String {
    let hop = read(&[("proxy-status", value)]);
    if hop.members.is_empty() {
        return String::new();
    }
    let text = proxy_status(&hop.members);
    text.to_str().unwrap().to_owned()
}

#[test]
fn only_another_herald_is_believed() {
    let lines = [("x-upstream-status", "401"), ("proxy-status", "a")];
    assert_eq!(NextHop::read(&provider("openai"), &map(&lines)), None);
    assert_eq!(read(&lines).members.len(), 1);
}

#[test]
fn a_good_head_is_read() {
    let hop = read(&[
        ("proxy-status", "first;received-status=200"),
        ("proxy-status", "second;received-status=200"),
        ("x-upstream-status", "201"),
        ("x-upstream-provider", "openai"),
        ("x-upstream-model", "gr%C3%BCn 1"),
        ("x-upstream-time-to-first-token", "12"),
        ("server-timing", "connect;dur=0.1, hop2-total;dur=3"),
        ("x-herald-dropped", "top_k, n"),
        ("x-should-retry", "false"),
    ]);
    assert_eq!(hop.members.len(), 2);
    assert_eq!(hop.origin_status(StatusCode::OK), Some(201));
    assert_eq!(hop.provider.unwrap(), "openai");
    assert_eq!(hop.model.unwrap(), "gr%C3%BCn 1");
    assert_eq!(hop.time_to_first_token, Some(12));
    let timings = [
        ("hop2-connect".to_owned(), 0.1),
        ("hop3-total".to_owned(), 3.0),
    ];
    assert_eq!(hop.timings, timings);
    assert_eq!(hop.lost.to_string(), "top_k, n");
    assert!(hop.is_repeat_useless);
}

#[test]
fn the_origin_is_the_next_herald_itself_only_if_it_asked_nobody() {
    let refused = StatusCode::UNAUTHORIZED;
    assert_eq!(read(&[]).origin_status(refused), Some(401));
    let asked = [("x-upstream-provider", "p")];
    assert_eq!(read(&asked).origin_status(StatusCode::BAD_GATEWAY), None);
}

#[test]
fn what_is_odd_is_dropped() {
    for (name, value) in [
        ("x-upstream-status", "99"),
        ("x-upstream-status", "600"),
        ("x-upstream-status", "2e2"),
        ("x-upstream-status", "+200"),
        ("x-upstream-provider", ""),
        ("x-upstream-provider", "a\u{e9}"),
        ("x-upstream-provider", "<b>x</b>"),
        ("x-upstream-provider", "key-of-the-next-hop"),
        ("x-upstream-model", "sk-abcdefghijklmnopqrstuvwx0123456789"),
        ("x-upstream-time-to-first-token", "-1"),
        ("x-upstream-time-to-first-token", "9999999999999999"),
        (
            "server-timing",
            "cache;dur=1, total, total;desc=x, total;dur=-1, total;dur=1e9, hop1-total;dur=1, hop9-total;dur=1, hop-total;dur=1",
        ),
        ("x-herald-dropped", "\"a\", ,"),
        ("x-should-retry", "maybe"),
        ("proxy-status", "key-of-the-next-hop"),
    ] {
        assert_eq!(
            read(&[(name, value)]),
            NextHop::default(),
            "{name}: {value}"
        );
    }
    for name in ["x-upstream-status", "x-upstream-provider", "x-should-retry"] {
        let value = if name == "x-upstream-status" {
            "200"
        } else {
            "false"
        };
        let twice = [(name, value), (name, value)];
        assert_eq!(read(&twice), NextHop::default(), "{name} twice");
    }
}

#[test]
fn members_are_written_anew_with_what_herald_knows_of_them() {
    for (received, written) in [
        (
            "a;received-status=401;error=dns_error;details=\"x\";next-hop=b",
            "a;next-hop=\"b\";received-status=401;error=dns_error;details=\"x\"",
        ),
        ("\"at home\";x=1;rcode=\"2\"", "\"at home\""),
        (
            "a;received-status=9, b;received-status=\"200\", c;error=\"dns\", d;details=e",
            "a, b, c, d",
        ),
        ("a;details=\"<script>x</script>\"", "a"),
        ("1, (a b), ?1, :YQ==:, a", "a"),
        ("a,, b", ""),
        ("a;b=, c", ""),
        ("\"caf\u{e9}\"", ""),
    ] {
        assert_eq!(members(received), written, "{received}");
    }
}

#[test]
fn of_many_members_those_nearest_to_the_origin_stay_and_a_huge_field_is_dropped() {
    let many: Vec<_> = (0..20).map(|number| format!("h{number}")).collect();
    assert_eq!(members(&many.join(", ")), many[..8].join(", "));
    let huge: Vec<_> = (0..5000).map(|number| format!("h{number}")).collect();
    assert_eq!(members(&huge.join(", ")), "");
}

#[test]
fn the_next_id_is_one_that_a_herald_makes() {
    let id = |value: &str| request_id(&map(&[("x-herald-request-id", value)]));
    let made = "01a207e0-93b8-7415-9241-cb39627d24a1";
    assert_eq!(id(made).as_deref(), Some(made));
    assert_eq!(id("a b"), None);
    assert_eq!(id(&"a".repeat(65)), None);
}

proptest! {
    #[test]
    fn whatever_the_next_hop_says_what_goes_out_is_a_bounded_structured_field(
        values in proptest::collection::vec("[ -~]{0,60}|([a-c\"]{1,4}(;(details|error|x)=[\"a-c]{0,4})?, ?){1,12}a", 0..4),
        timing in "([a-z0-9-]{0,12};dur=[0-9.]{0,5},? ?){0,8}",
    ) {
        let mut lines: Vec<_> = values.iter().map(|value| ("proxy-status", &**value)).collect();
        lines.push(("server-timing", &*timing));
        let hop = read(&lines);
        prop_assert!(hop.members.len() <= MAX_HOPS);
        prop_assert!(hop.timings.len() <= 4 * MAX_HOPS);
        if !hop.members.is_empty() {
            let field = proxy_status(&hop.members);
            let list = Parser::new(field.as_bytes()).parse::<sfv::List>().unwrap();
            prop_assert_eq!(list.len(), hop.members.len());
            // Read by the next one, it is the same.
            prop_assert_eq!(read(&[("proxy-status", field.to_str().unwrap())]).members, hop.members);
        }
    }
}
