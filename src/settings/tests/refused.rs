//! What is refused, where many values are refused for one reason. The words that go with them, and
//! everything that is refused once, are in `tests/settings`.

use std::collections::HashMap;

use super::{Settings, variables};
use crate::settings::Diagnostics;

/// Key and problem of each mistake, one a line.
fn refused(toml: &str) -> String {
    refused_with(toml, &[])
}

fn refused_with(toml: &str, secrets: &[(&str, &str)]) -> String {
    let settings = Settings::from_toml(toml).unwrap();
    lines(&settings.verify(&variables(secrets)).unwrap_err())
}

fn refused_variable(name: &str, value: &str) -> String {
    let settings = Settings::load(None, &variables(&[(name, value)])).unwrap();
    lines(&settings.verify(&HashMap::new()).unwrap_err())
}

fn lines(found: &Diagnostics) -> String {
    let lines = found
        .iter()
        .map(|found| format!("{}: {}", found.key, found.problem));
    lines.collect::<Vec<_>>().join("\n")
}

fn provider(rest: &str) -> String {
    format!(
        "[[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n\
         [[providers]]\nid = \"p\"\nkind = \"openai\"\nbase_url = \"http://localhost:9\"\n{rest}"
    )
}

fn model(rest: &str) -> String {
    format!(
        "providers = [{{ id = \"p\", kind = \"replay\" }}]\n[[models]]\n\
         targets = [{{ provider = \"p\", model = \"m\" }}]\n{rest}"
    )
}

#[test]
fn a_provider_needs_an_id_that_can_stand_in_a_uri() {
    let long = "a".repeat(65);
    for id in ["", "Acme", "a b", "a/b", "ä", long.as_str()] {
        let toml = provider("").replace("id = \"p\"", &format!("id = \"{id}\""));
        assert_eq!(
            refused(&toml),
            "providers[0].id: must be 1 to 64 of the characters a-z, 0-9, `-`, `_` and `.`",
            "{id:?}"
        );
    }
}

#[test]
fn a_model_needs_a_printable_name() {
    for id in ["", "a\\nb", &"a".repeat(257)] {
        assert_eq!(
            refused(&model(&format!("id = \"{id}\""))),
            "models[0].id: must be 1 to 256 printable characters"
        );
    }
}

#[test]
fn a_secret_that_is_empty_or_cannot_stand_in_a_header_is_refused() {
    let toml = provider("api_key = { env = \"ACME_KEY\" }");
    for (secret, problem) in [
        ("", "is empty"),
        ("\n", "is empty"),
        ("two words", "holds more than visible ASCII characters"),
        ("line\nline", "holds more than visible ASCII characters"),
        ("schlüssel", "holds more than visible ASCII characters"),
        (" key", "holds more than visible ASCII characters"),
    ] {
        assert_eq!(
            refused_with(&toml, &[("ACME_KEY", secret)]),
            format!("providers[0].api_key.env: the variable ACME_KEY {problem}"),
            "{secret:?}"
        );
    }
}

#[test]
fn what_refers_to_no_secret_is_refused() {
    for wrong in [
        "{ value = \"v\" }",
        "{ v = \"\" }",
        "{ env = \"A\", file = \"/v\" }",
        "{}",
        "[\"v\"]",
        "7",
        "true",
    ] {
        assert_eq!(
            refused(&provider(&format!("api_key = {wrong}"))),
            "providers[0].api_key: must be { env = \"NAME\" } or { file = \"/path\" }, which say \
             where the secret is",
            "{wrong}"
        );
    }
}

#[test]
fn a_credential_among_the_extra_headers_is_refused() {
    for name in [
        "Authorization",
        "x-api-key",
        "api-key",
        "Cookie",
        "proxy-authorization",
    ] {
        assert_eq!(
            refused(&provider(&format!("headers = {{ \"{name}\" = \"v\" }}"))),
            format!(
                "providers[0].headers.{name}: is a credential: use api_key, which keeps the value \
                 out of the settings"
            )
        );
    }
}

#[test]
fn an_extra_header_that_herald_writes_itself_is_refused() {
    for name in [
        "host",
        "Content-Type",
        "content-length",
        "transfer-encoding",
        "connection",
    ] {
        assert_eq!(
            refused(&provider(&format!("headers = {{ \"{name}\" = \"v\" }}"))),
            format!("providers[0].headers.{name}: is written by Herald itself")
        );
    }
}

#[test]
fn a_key_that_is_no_hash_is_refused() {
    for written in ["", "v", &"zz".repeat(32), &"ab".repeat(31)] {
        assert_eq!(
            refused(&format!("[[keys]]\nid = \"a\"\nsha256 = \"{written}\"")),
            "keys[0].sha256: must be a SHA-256 of 64 hexadecimal digits: printf %s \"$KEY\" | \
             sha256sum"
        );
    }
}

#[test]
fn a_public_address_without_auth_is_refused() {
    for listen in [
        "0.0.0.0:8080",
        "[::]:8080",
        "10.0.0.1:80",
        "[::ffff:10.0.0.1]:80",
    ] {
        assert_eq!(
            refused(&format!("[server]\nlisten = \"{listen}\"")),
            format!(
                "server.listen: other machines reach {listen}, and nothing says who may call: \
                 define [[keys]], or write auth = \"none\""
            )
        );
    }
}

#[test]
fn a_clock_of_zero_is_refused_unless_zero_means_something() {
    for clock in [
        "connect",
        "head",
        "first_event",
        "idle",
        "total",
        "client_write",
    ] {
        assert_eq!(
            refused(&format!("[clocks]\n{clock} = \"0s\"")),
            format!("clocks.{clock}: must be from 1ms to 24h, not 0s")
        );
    }
}

#[test]
fn a_variable_that_names_no_setting_is_refused() {
    for name in [
        "HERALD__",
        "HERALD__CLOCKS__",
        "HERALD__CLOCKS___IDLE",
        "HERALD__A.B",
    ] {
        assert_eq!(
            refused_variable(name, "1s"),
            ": names no setting; write it like HERALD__CLOCKS__IDLE",
            "{name}"
        );
    }
}

#[test]
fn a_variable_that_was_meant_for_herald_is_told_and_one_of_kubernetes_is_not() {
    for (name, meant) in [
        ("HERALD_CLOCKS__IDLE", "HERALD__CLOCKS__IDLE"),
        ("HERALD_CORS__MAX_AGE", "HERALD__CORS__MAX_AGE"),
        ("herald_log__filter", "HERALD__LOG__FILTER"),
        ("HERALD_AUTH", "HERALD__AUTH"),
    ] {
        let told = format!(": two underscores follow HERALD: {meant}");
        assert_eq!(refused_variable(name, "1s"), told);
    }
    for name in [
        "HERALD_PORT",
        "HERALD_SERVER",
        "HERALD_KEYS__0",
        "HERALD_SERVICE_HOST",
        "HERALD_PORT_8080_TCP__X",
    ] {
        let settings = Settings::load(None, &variables(&[(name, "1")])).unwrap();
        settings.verify(&HashMap::new()).unwrap();
    }
}

#[test]
fn a_variable_that_is_no_number_is_refused() {
    for value in ["", "four", "4.0", "true", " 4", "0x4", "4_000"] {
        assert_eq!(
            refused_variable("HERALD__SERVER__WORKERS", value),
            "server.workers: must be a whole number",
            "{value:?}"
        );
    }
}

#[test]
fn a_number_is_neither_rounded_nor_made_of_something_else() {
    for value in [
        "1.9",
        "1.0",
        "true",
        "\"4\"",
        "[4]",
        "{}",
        "nan",
        "1979-05-27",
    ] {
        assert_eq!(
            refused(&format!("[server]\nworkers = {value}")),
            "server.workers: must be a whole number",
            "{value}"
        );
    }
}

#[test]
fn a_truth_value_is_not_made_of_something_else() {
    for value in ["1", "\"yes\"", "\"true\"", "0.0", "[]"] {
        assert_eq!(
            refused(&provider(&format!("usage_request = {value}"))),
            "providers[0].usage_request: must be true or false",
            "{value}"
        );
    }
}

#[test]
fn what_anthropic_is_told_is_held_to_its_range_and_to_its_kind() {
    let anthropic = |rest: &str| refused(&provider(rest).replace("openai", "anthropic"));
    for value in ["0", "1000001", "-1"] {
        let found = anthropic(&format!("max_tokens = {value}"));
        assert!(found.starts_with("providers[0].max_tokens: "), "{found}");
    }
    let found = anthropic("thinking = \"always\"");
    assert!(found.starts_with("providers[0].thinking: "), "{found}");
    let stranger = "a provider of kind \"openai\" has none";
    assert_eq!(
        refused(&provider("max_tokens = 1\nthinking = \"budget\"")),
        format!("providers[0].max_tokens: {stranger}\nproviders[0].thinking: {stranger}")
    );
}

#[test]
fn a_duration_without_a_unit_is_refused() {
    for value in [
        "30",
        "\"30\"",
        "\"0\"",
        "\"30 parsecs\"",
        "\"\"",
        "true",
        "1.5",
    ] {
        assert_eq!(
            refused(&format!("[clocks]\nidle = {value}")),
            "clocks.idle: must be a duration with its unit, such as \"250ms\", \"30s\" or \"5m\"",
            "{value}"
        );
    }
}

#[test]
fn a_size_without_a_unit_or_with_a_fraction_is_refused() {
    for value in [
        "1024",
        "\"1024\"",
        "\"0.3KiB\"",
        "\"1 bite\"",
        "\"\"",
        "1.5",
    ] {
        assert_eq!(
            refused(&format!("[stream]\nheld_bytes = {value}")),
            "stream.held_bytes: must be a size with its unit, a whole number, such as \"512B\" or \
             \"16KiB\"",
            "{value}"
        );
    }
}

#[test]
fn a_quoted_key_that_reads_like_a_path_is_refused() {
    for key in [
        "server[-1]",
        "keys[-1]",
        "keys[3]",
        "a[0].b",
        ".",
        "",
        "server..listen",
        "[0]",
    ] {
        assert_eq!(
            refused(&format!("\"{key}\" = 1")),
            format!("{key}: unknown key")
        );
    }
}

#[test]
fn a_mistake_hides_no_other() {
    // Each of these stands in for what it should be, so that the rest is looked at.
    let toml = "log = 1\n[server]\nworkers = 1.9\nlisten = \"localhost\"\n[[keys]]\nid = 7\n\
                sha256 = \"\"\n[metadata]\nallow = [7, \"set-cookie\"]\n\
                [metadata.status]\n\"429\" = \"503\"\n\"500\" = 200\n";
    assert_eq!(
        refused(toml),
        "log: must be a table\n\
         server.workers: must be a whole number\n\
         server.listen: must be an IP address and a port, such as \"127.0.0.1:8080\" or \
         \"[::1]:8080\"\n\
         keys[0].id: must be a string in quotes\n\
         keys[0].sha256: must be a SHA-256 of 64 hexadecimal digits: printf %s \"$KEY\" | \
         sha256sum\n\
         metadata.allow[0]: must be a header name, a prefix with `*`, or { name, as }\n\
         metadata.allow[1]: it is never forwarded: it may carry a credential; remove the rule\n\
         metadata.status.429: must be a whole number\n\
         metadata.status.500: a failure must not look like a success or a redirect: write 400 to \
         599"
    );
}
