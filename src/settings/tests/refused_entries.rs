//! What verification refuses in the lists: providers, models, keys. Each with its exact words.

use super::{Scratch, refused, refused_with};

fn provider(rest: &str) -> String {
    format!(
        "[[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n\
         [[providers]]\nid = \"p\"\nkind = \"openai\"\n{rest}"
    )
}

fn http(rest: &str) -> String {
    provider(&format!("base_url = \"http://p.test\"\n{rest}"))
}

fn model(rest: &str) -> String {
    format!("providers = [{{ id = \"p\", kind = \"replay\" }}]\n[[models]]\n{rest}")
}

const TARGET: &str = "targets = [{ provider = \"p\", model = \"m\" }]";

#[test]
fn a_provider_needs_an_id_that_can_stand_in_a_uri() {
    let long = "a".repeat(65);
    for id in ["", "Acme", "a b", "a/b", "ä", long.as_str()] {
        let toml = model("id = \"m\"\ntargets = [{ provider = \"p\", model = \"m\" }]\n").replace(
            "providers = [",
            &format!("providers = [{{ id = \"{id}\", kind = \"replay\" }}, "),
        );
        assert_eq!(
            refused(&toml),
            "providers[0].id: must be 1 to 64 of the characters a-z, 0-9, `-`, `_` and `.`",
            "{id:?}"
        );
    }
}

#[test]
fn two_providers_of_one_id_are_refused() {
    let toml = http("").replace(
        "[[models]]",
        "[[providers]]\nid = \"p\"\nkind = \"replay\"\n[[models]]",
    );
    assert_eq!(
        refused(&toml),
        "providers[1].id: \"p\" is already the id of providers[0]"
    );
}

#[test]
fn a_base_url_that_is_none_is_refused_and_not_repeated() {
    for (base_url, problem) in [
        ("", "must be a URL such as \"https://api.openai.com/v1\""),
        (
            "api.openai.com",
            "must be a URL such as \"https://api.openai.com/v1\"",
        ),
        ("ftp://p.test", "must begin with https:// or http://"),
        (
            "http://user:sk-secret@p.test",
            "must have no user name and no password: use api_key",
        ),
        (
            "http://p.test/v1?key=sk-secret",
            "must have no query (`?…`)",
        ),
        ("http://p.test/v1#sk-secret", "must have no fragment (`#…`)"),
        (
            "http://p.test:0/",
            "must have a port from 1 to 65535, or none",
        ),
    ] {
        assert_eq!(
            refused(&provider(&format!("base_url = \"{base_url}\""))),
            format!("providers[0].base_url: {problem}"),
            "{base_url}"
        );
    }
}

#[test]
fn an_openai_provider_without_a_base_url_is_refused() {
    assert_eq!(
        refused(&provider("")),
        "providers[0].base_url: must be a URL such as \"https://api.openai.com/v1\""
    );
}

#[test]
fn recordings_of_an_openai_provider_are_refused() {
    assert_eq!(
        refused(&http("recordings = \"here\"")),
        "providers[0].recordings: a provider of kind \"openai\" has none"
    );
}

#[test]
fn a_place_of_a_replay_provider_is_refused() {
    let toml =
        http("api_key = { env = \"KEY\" }\nca_file = \"ca.pem\"").replace("openai", "replay");
    assert_eq!(
        refused_with(&toml, &[("KEY", "k")]),
        "providers[0].base_url: a provider of kind \"replay\" has none\n\
         providers[0].api_key: a provider of kind \"replay\" has none\n\
         providers[0].ca_file: a provider of kind \"replay\" has none"
    );
}

#[test]
fn a_ca_file_for_plain_http_is_refused() {
    assert_eq!(
        refused(&http("ca_file = \"ca.pem\"")),
        "providers[0].ca_file: base_url is http, which has no certificates"
    );
}

#[test]
fn a_ca_file_that_cannot_be_read_is_refused() {
    let toml = provider("base_url = \"https://p.test\"\nca_file = \"/nowhere/ca.pem\"");
    assert_eq!(
        refused(&toml),
        "providers[0].ca_file: /nowhere/ca.pem cannot be read: No such file or directory (os error 2)"
    );
}

#[test]
fn a_secret_in_a_variable_that_is_not_set_is_refused() {
    assert_eq!(
        refused(&http("api_key = { env = \"ACME_KEY\" }")),
        "providers[0].api_key: the variable ACME_KEY is not set"
    );
}

#[test]
fn a_secret_that_stands_where_its_place_should_is_not_repeated() {
    assert_eq!(
        refused(&http("api_key = { env = \"sk-secret\" }")),
        "providers[0].api_key: the variable that `env` names is not set"
    );
    assert_eq!(
        refused(&http("api_key = { file = \"sk-secret\" }")),
        "providers[0].api_key: the file that `file` names cannot be read: No such file or \
         directory (os error 2)"
    );
}

#[test]
fn a_secret_that_is_empty_or_cannot_stand_in_a_header_is_refused() {
    let toml = http("api_key = { env = \"ACME_KEY\" }");
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
            format!("providers[0].api_key: the variable ACME_KEY {problem}"),
            "{secret:?}"
        );
    }
}

#[test]
fn a_secret_in_a_file_that_is_no_text_is_refused() {
    let secret = Scratch::file("secret-binary", b"\xff\xfe");
    let path = secret.path();
    assert_eq!(
        refused(&http(&format!("api_key = {{ file = \"{path}\" }}"))),
        format!("providers[0].api_key: the file {path} holds more than visible ASCII characters")
    );
}

#[test]
fn a_secret_in_a_file_that_is_too_large_is_refused() {
    let secret = Scratch::file("secret-large", &[b'k'; 64 * 1024 + 1]);
    let path = secret.path();
    assert_eq!(
        refused(&http(&format!("api_key = {{ file = \"{path}\" }}"))),
        format!(
            "providers[0].api_key: the file {path} cannot be read: it is larger than 65536 bytes"
        )
    );
}

#[test]
fn a_credential_among_the_extra_headers_is_refused_and_not_repeated() {
    for name in [
        "Authorization",
        "x-api-key",
        "api-key",
        "Cookie",
        "proxy-authorization",
    ] {
        assert_eq!(
            refused(&http(&format!(
                "headers = {{ \"{name}\" = \"sk-secret\" }}"
            ))),
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
            refused(&http(&format!("headers = {{ \"{name}\" = \"x\" }}"))),
            format!("providers[0].headers.{name}: is written by Herald itself")
        );
    }
}

#[test]
fn an_extra_header_that_is_none_is_refused() {
    assert_eq!(
        refused(&http(
            "headers = { \"a b\" = \"x\", \"x-line\" = \"a\\nb\", \"x-a\" = \"1\", \"X-A\" = \"2\" }"
        )),
        "providers[0].headers.a b: is not a header name\n\
         providers[0].headers.x-a: is written twice, because case does not matter\n\
         providers[0].headers.x-line: has a value that cannot stand in a header: visible ASCII and \
         spaces only"
    );
}

#[test]
fn settings_without_a_model_are_refused() {
    assert_eq!(
        refused("providers = [{ id = \"p\", kind = \"replay\" }]"),
        "models: none is defined, so there is nothing to serve: add [[models]]"
    );
}

#[test]
fn a_model_needs_a_printable_name() {
    for id in ["", "a\\nb", &"a".repeat(257)] {
        assert_eq!(
            refused(&model(&format!("id = \"{id}\"\n{TARGET}"))),
            "models[0].id: must be 1 to 256 printable characters"
        );
    }
    assert_eq!(
        refused(&model(
            "id = \"m\"\nowned_by = \"\"\ntargets = [{ provider = \"p\", model = \"\" }]"
        )),
        "models[0].owned_by: must be 1 to 256 printable characters\n\
         models[0].targets[0].model: must be 1 to 256 printable characters"
    );
}

#[test]
fn two_models_of_one_id_are_refused() {
    assert_eq!(
        refused(&model(&format!(
            "id = \"m\"\n{TARGET}\n[[models]]\nid = \"m\"\n{TARGET}"
        ))),
        "models[1].id: \"m\" is already the id of models[0]"
    );
}

#[test]
fn a_model_without_a_target_is_refused() {
    assert_eq!(
        refused(&model("id = \"m\"\ntargets = []")),
        "models[0].targets: must have one target: [{ provider = \"…\", model = \"…\" }]"
    );
}

#[test]
fn a_model_with_two_targets_is_refused() {
    let two =
        "targets = [{ provider = \"p\", model = \"a\" }, { provider = \"p\", model = \"b\" }]";
    assert_eq!(
        refused(&model(&format!("id = \"m\"\n{two}"))),
        "models[0].targets: has 2 targets, and falling back is not built yet: keep one"
    );
}

#[test]
fn a_model_of_an_unknown_provider_is_refused() {
    assert_eq!(
        refused(&model(
            "id = \"m\"\ntargets = [{ provider = \"q\", model = \"m\" }]"
        )),
        "models[0].targets[0].provider: \"q\" is no provider; known: [\"p\"]"
    );
}

#[test]
fn a_filter_that_drops_errors_is_refused() {
    assert_eq!(
        refused(&model(&format!(
            "id = \"m\"\n{TARGET}\nfilter.drop_events = [\"ping\", \"error\"]"
        ))),
        "models[0].filter.drop_events[1]: an error is never dropped: the client must learn of it"
    );
}

#[test]
fn a_model_of_the_far_future_is_refused() {
    assert_eq!(
        refused(&model(&format!(
            "id = \"m\"\n{TARGET}\ncreated = 1744588800000000"
        ))),
        "models[0].created: must be from 0 to 253402300799, not 1744588800000000"
    );
}

#[test]
fn a_key_that_is_no_hash_is_refused_and_not_repeated() {
    for written in ["", "sk-secret", &"zz".repeat(32), &"ab".repeat(31)] {
        assert_eq!(
            refused(&format!("[[keys]]\nid = \"a\"\nsha256 = \"{written}\"")),
            "keys[0].sha256: must be a SHA-256 of 64 hexadecimal digits: printf %s \"$KEY\" | \
             sha256sum"
        );
    }
}

#[test]
fn the_hash_of_nothing_is_refused() {
    assert_eq!(
        refused(
            "[[keys]]\nid = \"a\"\n\
             sha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""
        ),
        "keys[0].sha256: is the hash of no key at all; was $KEY unset in: printf %s \"$KEY\" | \
         sha256sum"
    );
}

#[test]
fn two_keys_of_one_id_or_one_hash_are_refused() {
    let (one, two) = ("11".repeat(32), "22".repeat(32));
    let key = |id: &str, hash: &str| format!("[[keys]]\nid = \"{id}\"\nsha256 = \"{hash}\"\n");
    assert_eq!(
        refused(
            &(key("a", &one) + &key("a", &two) + &key("b", &one) + &key("B", &"33".repeat(32)))
        ),
        "keys[1].id: \"a\" is already the id of keys[0]\n\
         keys[2].sha256: is the same key as keys[0]\n\
         keys[3].id: must be 1 to 64 of the characters a-z, 0-9, `-`, `_` and `.`"
    );
}

#[test]
fn a_rule_that_may_never_pass_is_refused_where_it_stands() {
    let metadata = "metadata.allow = [\"set-cookie\"]\nmetadata.request_allow = [\"cookie\"]\n\
                    metadata.status = { \"500\" = 200 }\n";
    let told = refused(&format!("{metadata}\n{}", http("")));
    let keys: Vec<_> = told
        .lines()
        .map(|line| line.split_once(": ").unwrap().0)
        .collect();
    assert_eq!(
        keys,
        [
            "metadata.allow",
            "metadata.request_allow",
            "metadata.status"
        ],
        "{told}"
    );
    let told = refused(&http(metadata));
    let keys: Vec<_> = told
        .lines()
        .map(|line| line.split_once(": ").unwrap().0)
        .collect();
    assert_eq!(
        keys,
        [
            "providers[0].metadata.allow",
            "providers[0].metadata.request_allow",
            "providers[0].metadata.status"
        ],
        "{told}"
    );
}
