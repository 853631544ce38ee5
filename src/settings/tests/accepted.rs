//! What is accepted, and what becomes of it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;

use super::{Scratch, variables, verified};
use crate::{
    providers::ProviderId,
    settings::{Auth, LogFormat, ProviderKind, Settings, ThinkingStyle, VerifiedSettings},
    upstream::http_client::Transport,
};

const ACME: &str = r#"
[[providers]]
id = "acme"
kind = "openai"
base_url = "http://acme.test/v1/"

[[models]]
id = "first"
targets = [{ provider = "acme", model = "one" }]
"#;

fn transport<'a>(settings: &'a VerifiedSettings, provider: &str) -> &'a Transport {
    &settings.client_parts.endpoints[&ProviderId::new(provider)]
}

#[test]
fn every_file_in_the_settings_folder_loads_and_verifies() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("settings");
    let nothing = HashMap::new();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.is_dir() {
            // The recordings, which have tests of their own.
            continue;
        }
        let settings = Settings::load(Some(&file), &nothing).unwrap();
        settings.verify(&nothing).unwrap();
        files += 1;
    }
    assert!(files >= 2);
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let settings = verified("", &[]);
    let clocks = settings.clocks;
    assert_eq!(settings.server.listen.to_string(), "127.0.0.1:8080");
    assert!(settings.server.workers >= 1);
    assert_eq!(clocks.connect, Duration::from_secs(10));
    assert_eq!(clocks.total, Duration::from_secs(30 * 60));
    assert_eq!(clocks.hold, Duration::from_millis(250));
    assert_eq!(settings.heartbeat, Some(Duration::from_secs(15)));
    assert_eq!(settings.upstream.max_event_bytes, 8 << 20);
    assert_eq!(settings.stream.queue_events, 32);
    assert_eq!(settings.retry_after, Duration::from_secs(5));
    assert_eq!(settings.log.format, LogFormat::Auto);
    assert_eq!(settings.auth, Auth::Open);
    assert!(settings.client_parts.proxy_from_environment);
    assert_eq!(settings.client_parts.max_head_bytes, 64 << 10);
}

#[test]
fn the_recordings_are_served_when_nothing_is_defined() {
    let settings = verified("[clocks]\nidle = \"90s\"", &[]);
    let models: Vec<_> = settings.models.iter().map(|model| &model.id[..]).collect();
    assert_eq!(
        models,
        [
            "replay-text",
            "replay-tool-call",
            "replay-reasoning",
            "replay-rate-limited",
            "replay-error-mid-stream",
            "replay-truncated"
        ]
    );
    let model = settings.models.get("replay-tool-call").unwrap();
    let target = model.first_target();
    assert_eq!(target.upstream_model, "tool-call");
    assert_eq!(model.owned_by, "replay");
    assert_eq!(
        target.provider.kind,
        ProviderKind::Replay { recordings: None }
    );
    assert!(matches!(
        transport(&settings, "replay"),
        Transport::Memory(_)
    ));
}

#[test]
fn the_recordings_are_gone_when_a_provider_is_defined() {
    let settings = verified(ACME, &[]);
    let providers: Vec<_> = settings.providers.keys().map(ProviderId::as_str).collect();
    assert_eq!(providers, ["acme"]);
    assert!(settings.models.get("replay-text").is_none());
}

#[test]
fn a_variable_wins_over_the_file_and_the_file_over_the_defaults() {
    let file = Scratch::file("layers.toml", b"[clocks]\nidle = \"90s\"\nhead = \"80s\"");
    let environment = variables(&[
        ("HERALD__CLOCKS__IDLE", "70s"),
        ("HERALD__SERVER__WORKERS", "3"),
        ("HERALD__METADATA__STATUS__5XX", "503"),
        ("HERALD__AUTH", "none"),
        ("HERALD_PORT", "tcp://10.0.0.1:80"),
        ("PATH", "/bin"),
    ]);
    let settings = Settings::load(Some(&file.0), &environment).unwrap();
    let settings = settings.verify(&HashMap::new()).unwrap();
    assert_eq!(settings.clocks.idle, Duration::from_secs(70));
    assert_eq!(settings.clocks.head, Duration::from_secs(80));
    assert_eq!(settings.clocks.first_event, Duration::from_secs(300));
    assert_eq!(settings.server.workers, 3);
}

#[test]
fn a_list_in_the_file_replaces_the_whole_default_list() {
    let settings = verified("[metadata]\nrequest_allow = [\"x-one\"]", &[]);
    let provider = &settings.providers[&ProviderId::new("replay")];
    let mut sent = HeaderMap::new();
    for name in ["x-one", "openai-beta"] {
        sent.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
    }
    let selected = provider.request_headers.select(&sent);
    let names: Vec<_> = selected.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-one"]);
}

#[test]
fn what_anthropic_is_told_can_be_written_and_has_defaults() {
    let provider = |more: &str| {
        let text = format!(
            "[[providers]]\nid = \"a\"\nkind = \"anthropic\"\nbase_url = \"http://localhost:9\"\n{more}\n\
             [[models]]\nid = \"m\"\ntargets = [{{ provider = \"a\", model = \"m\" }}]\n"
        );
        verified(&text, &[]).providers[&ProviderId::new("a")]
            .terms
            .messages
    };
    let absent = provider("");
    assert_eq!(absent.max_tokens, 8192);
    assert_eq!(absent.thinking, ThinkingStyle::Adaptive);
    let written = provider("max_tokens = 64000\nthinking = \"budget\"");
    assert_eq!(written.max_tokens, 64000);
    assert_eq!(written.thinking, ThinkingStyle::Budget);
}

#[test]
fn a_provider_is_taken_apart() {
    let settings = verified(
        r#"
        [[providers]]
        id = "acme"
        kind = "openai"
        base_url = "http://[::1]:8000/v1/"
        api_key = { env = "ACME_KEY" }
        headers = { "X-Team" = "gateway" }
        usage_request = true
        shared_quota = true

        [[models]]
        id = "acme/large v2"
        targets = [{ provider = "acme", model = "large" }]
        filter = { drop_events = ["ping"], drop = ["usage", "logprobs"] }
        created = 1744588800
        owned_by = "Acme"
        "#,
        &[("ACME_KEY", "k-123\n")],
    );
    let model = settings.models.get("acme/large v2").unwrap();
    let target = model.first_target();
    let provider = &target.provider;
    assert_eq!(provider.kind, ProviderKind::OpenAi);
    assert_eq!(provider.base_path, "/v1");
    assert_eq!(provider.api_key.as_ref().unwrap().expose_secret(), "k-123");
    assert_eq!(provider.headers[0].0, "x-team");
    assert_eq!(provider.headers[0].1, "gateway");
    assert!(provider.usage_request && provider.shared_quota);
    assert_eq!(
        (model.created, &model.owned_by[..]),
        (1_744_588_800, "Acme")
    );
    assert_eq!(target.filter.drop_events, ["ping"]);
    assert!(target.filter.usage && target.filter.logprobs && !target.filter.reasoning);
    match transport(&settings, "acme") {
        Transport::Http { host, port } => assert_eq!((&host[..], *port), ("::1", 8000)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_secret_is_read_from_a_file_without_its_line_end() {
    let secret = Scratch::file("secret", b"k-456\r\n");
    let toml = format!(
        "{}\n[[providers]]\nid = \"b\"\nkind = \"openai\"\nbase_url = \"http://b.test\"\n\
         api_key = {{ file = \"{}\" }}",
        ACME,
        secret.path()
    );
    let settings = verified(&toml, &[]);
    let provider = &settings.providers[&ProviderId::new("b")];
    assert_eq!(provider.api_key.as_ref().unwrap().expose_secret(), "k-456");
    assert_eq!(provider.base_path, "");
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let toml = ACME.replace("kind", "api_key = { env = \"ACME_KEY\" }\nkind");
    let settings = verified(&toml, &[("ACME_KEY", "k-789")]);
    assert!(!format!("{settings:?}").contains("k-789"));
}

#[test]
fn a_key_makes_auth_required_and_auth_none_opens_it_again() {
    let key = "[[keys]]\nid = \"team-a\"\n\
               sha256 = \"2BB80D537B1DA3E38BD30361AA855686BDE0EACD7162FEF6A25FE97BF527A25B\"";
    let public = "[server]\nlisten = \"0.0.0.0:8080\"";
    match verified(&format!("{public}\n{key}"), &[]).auth {
        Auth::Keys(keys) => {
            assert_eq!(keys[0].id, "team-a");
            assert_eq!(keys[0].sha256[..2], [0x2b, 0xb8]);
        }
        Auth::Open => panic!("a key is defined"),
    }
    let open = verified(&format!("auth = \"none\"\n{public}\n{key}"), &[]);
    assert_eq!(open.auth, Auth::Open);
    assert_eq!(
        verified(&format!("auth = \"none\"\n{public}"), &[]).auth,
        Auth::Open
    );
}

#[test]
fn every_loopback_address_may_be_open() {
    for listen in [
        "127.0.0.1:1",
        "127.9.9.9:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        let settings = verified(&format!("[server]\nlisten = \"{listen}\""), &[]);
        assert_eq!(settings.auth, Auth::Open, "{listen}");
    }
}

#[test]
fn zero_turns_the_heartbeat_off_and_commits_at_once() {
    let settings = verified("[clocks]\nheartbeat = \"0s\"\nhold = \"0ms\"", &[]);
    assert_eq!(settings.heartbeat, None);
    assert_eq!(settings.clocks.hold, Duration::ZERO);
}

#[test]
fn a_transport_can_be_replaced() {
    let (host, port) = ("replaced.test".into(), 1);
    let settings = verified(ACME, &[]).with_transport("acme", Transport::Http { host, port });
    assert!(format!("{:?}", transport(&settings, "acme")).contains("replaced.test"));
}

#[test]
#[should_panic(expected = "no provider \"acne\"")]
fn a_transport_is_only_replaced_where_there_is_a_provider() {
    let transport = Transport::Http {
        host: "replaced.test".into(),
        port: 1,
    };
    let _ = verified(ACME, &[]).with_transport("acne", transport);
}

#[test]
fn an_https_provider_gets_tls_for_its_host() {
    let settings = verified(&ACME.replace("http:", "https:"), &[]);
    match transport(&settings, "acme") {
        Transport::Https { host, port, tls } => {
            assert_eq!((&host[..], *port), ("acme.test", 443));
            assert_eq!(tls.alpn_protocols, [b"http/1.1"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn recordings_of_ones_own_are_named_by_their_folder() {
    let settings = verified(
        r#"
        providers = [{ id = "mine", kind = "replay", recordings = "settings/recordings" }]
        models = [{ id = "m", targets = [{ provider = "mine", model = "text" }] }]
        "#,
        &[],
    );
    let recordings = Some(PathBuf::from("settings/recordings"));
    let provider = &settings.providers[&ProviderId::new("mine")];
    assert_eq!(provider.kind, ProviderKind::Replay { recordings });
}

#[test]
fn verified_settings_can_be_shared_by_the_workers() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<VerifiedSettings>();
}
