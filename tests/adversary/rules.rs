//! Settings that would let through what may never pass.

use herald::{
    settings::{ProcessEnvironment, Settings},
    testkit::{Script, ScriptedProvider, TestGateway},
};

use crate::wire::{ask, stream};

fn is_refused(toml: &str) -> bool {
    match Settings::from_toml(toml) {
        Ok(settings) => settings.verify(&ProcessEnvironment).is_err(),
        Err(_) => true,
    }
}

#[test]
fn a_rule_that_names_what_may_never_pass_is_refused() {
    let mut passed = Vec::new();
    let names = [
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "content-type",
        "content-encoding",
        "content-disposition",
        "content-*",
        "access-control-*",
        "access-control-allow-origin",
        "set-cookie",
        "set-cookie2",
        "Set-Cookie",
        "www-authenticate",
        "proxy-authenticate",
        "proxy-status",
        "proxy-connection",
        "x-auth-challenge",
        "strict-transport-security",
        "content-security-policy",
        "content-security-policy-report-only",
        "x-frame-options",
        "x-content-type-options",
        "referrer-policy",
        "permissions-policy",
        "alt-svc",
        "server",
        "via",
        "openai-organization",
        "openai-project",
        "x-upstream-status",
        "x-upstream-*",
        "x-herald-request-id",
        "x-herald-*",
        "server-timing",
        "clear-site-data",
    ];
    for name in names {
        for rule in [
            format!("{name:?}"),
            format!("{{ name = {name:?}, as = \"x-mine\" }}"),
            format!("{{ name = \"x-request-id\", as = {name:?} }}"),
        ] {
            let is_taken = !is_refused(&format!("[metadata]\nallow = [{rule}]\n"));
            if is_taken && rule != "{ name = \"x-request-id\", as = \"x-upstream-*\" }" {
                passed.push(format!("allow = [{rule}]"));
            }
        }
    }
    for name in [
        "authorization",
        "Authorization",
        "x-api-key",
        "api-key",
        "cookie",
        "host",
        "connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "content-type",
        "content-length",
        "content-*",
        "accept-encoding",
        "forwarded",
        "x-forwarded-*",
        "x-forwarded-for",
        "openai-organization",
        "openai-project",
        "proxy-authorization",
        "expect",
    ] {
        if !is_refused(&format!("[metadata]\nrequest_allow = [{name:?}]\n")) {
            passed.push(format!("request_allow = [{name:?}]"));
        }
    }
    for rule in ["", " ", "a b", "a*b", "a\\r\\nb", "x:y", "*x", "é"] {
        if !is_refused(&format!("[metadata]\nallow = [\"{rule}\"]\n")) {
            passed.push(format!("allow = [\"{rule}\"]"));
        }
    }
    for entry in [
        "\"429\" = 200",
        "\"429\" = 100",
        "\"5xx\" = 204",
        "\"500\" = 301",
        "\"500\" = 99",
        "\"500\" = 600",
        "\"500\" = 0",
        "\"500\" = -1",
        "\"500\" = \"502\"",
        "\"5x\" = 502",
        "\"6xx\" = 502",
        "\"0\" = 502",
        "\"abc\" = 502",
        "\"1xx\" = 502",
    ] {
        if !is_refused(&format!("[metadata.status]\n{entry}\n")) {
            passed.push(format!("[metadata.status] {entry}"));
        }
    }
    assert!(passed.is_empty(), "taken:\n{}", passed.join("\n"));
}

/// "A prefix followed by `*`": in a new name it can only be a mistake.
#[test]
fn a_new_name_with_a_star_is_refused() {
    assert!(is_refused(
        "[metadata]\nallow = [{ name = \"x-request-id\", as = \"x-upstream-*\" }]\n"
    ));
}

#[actix_web::test]
async fn a_prefix_that_covers_what_may_never_pass_still_lets_none_of_it_through() {
    let sent = [
        "set-cookie",
        "server",
        "via",
        "alt-svc",
        "strict-transport-security",
        "x-frame-options",
        "access-control-allow-origin",
        "www-authenticate",
        "x-auth-challenge",
        "proxy-status",
        "x-upstream-status",
        "x-herald-forged",
        "openai-organization",
        "openai-project",
        "keep-alive",
        "content-language",
        "content-location",
        "te",
        "trailer",
        "upgrade",
    ];
    let script = sent.iter().fold(Script::chat(["a"]), |script, name| {
        script.header(name, "forged")
    });
    let provider = ScriptedProvider::start([script.repeat()]).await;
    for rules in [
        r#"["*"]"#,
        r#"["s*","v*","a*","x-*","w*","p*","o*","k*","c*","t*","u*"]"#,
    ] {
        let settings = format!("[metadata]\nallow = {rules}\n");
        if is_refused(&settings) {
            continue;
        }
        let gateway = TestGateway::tuned(&provider, &settings).await;
        let answer = ask(gateway.address(), stream().to_string()).await;
        assert_eq!(answer.status, 200);
        let forged: Vec<_> = answer
            .headers
            .iter()
            .filter(|(_, value)| value == "forged")
            .collect();
        assert!(forged.is_empty(), "{rules}: {forged:?}");
    }
}

#[test]
fn values_out_of_their_range_or_without_their_unit_are_refused() {
    let mut passed = Vec::new();
    for line in [
        "[clocks]\nidle = \"0s\"",
        "[clocks]\nidle = 5",
        "[clocks]\nidle = \"5\"",
        "[clocks]\nidle = \"-5s\"",
        "[clocks]\nidle = \"25h\"",
        "[clocks]\nidle = \"\"",
        "[clocks]\nhold = \"301s\"",
        "[clocks]\ntotal = \"1s\"",
        "[clocks]\nunknown = \"1s\"",
        "[stream]\nqueue_events = 0",
        "[stream]\nqueue_events = 1.5",
        "[stream]\nheld_bytes = \"1B\"",
        "[stream]\nheld_bytes = 1024",
        "[server]\nlisten = \"localhost\"",
        "[server]\nlisten = \"0.0.0.0:1\"",
        "[server]\nlisten = \"[::]:1\"",
        "auth = \"keys\"",
        "auth = \"\"",
        "auth = true",
        "[[keys]]\nid = \"k\"\nsha256 = \"zz\"",
        "[metadata]\nmax_headers = 0",
        "[upstream]\nmax_event_bytes = \"0B\"",
        "[log]\nformat = \"xml\"",
        "nonsense = 1",
        "[metadata]\nretry_after = \"1500ms\"",
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://h\"\nheaders = { authorization = \"x\" }",
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://h\"\nheaders = { x = \"a\\r\\nb: c\" }",
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://u:p@h\"",
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"ftp://h\"",
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://h?x=1\"",
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://h\"\napi_key = \"sk-literal\"",
        "[[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://h\"\napi_key = { file = \"/nowhere\" }",
        "[[providers]]\nid = \"P Q\"\nkind = \"openai\"\nbase_url = \"http://h\"",
        "[[models]]\nid = \"m\"\ntargets = [{ provider = \"none\", model = \"m\" }]",
        "[[models]]\nid = \"m\"\ntargets = []",
    ] {
        if !is_refused(line) {
            passed.push(line);
        }
    }
    assert!(passed.is_empty(), "taken:\n{}", passed.join("\n"));
}
