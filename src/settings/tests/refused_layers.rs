//! What is refused before verification: names, types, syntax, files. Each with its exact words.

use std::{collections::HashMap, path::Path};

use super::{Scratch, variables};
use crate::settings::Settings;

fn refused(toml: &str) -> String {
    Settings::from_toml(toml).unwrap_err().to_string()
}

fn refused_variable(name: &str, value: &str) -> String {
    let environment = variables(&[(name, value)]);
    Settings::load(None, &environment).unwrap_err().to_string()
}

#[test]
fn an_unknown_section_is_refused() {
    assert_eq!(
        refused("[sevrer]\nworkers = 4"),
        "sevrer in settings: unknown key; known here: `auth`, `server`, `cors`, `log`, `clocks`, \
         `upstream`, `stream`, `metadata`, `providers`, `models` or `keys`"
    );
}

#[test]
fn an_unknown_key_is_refused() {
    assert_eq!(
        refused("[log]\nfliter = \"info\""),
        "log.fliter in settings: unknown key; known here: `filter` or `format`"
    );
}

#[test]
fn an_unknown_key_in_a_list_is_refused() {
    assert_eq!(
        refused("[[keys]]\nid = \"a\"\n[[keys]]\nid = \"b\"\nsha512 = \"\""),
        "keys[0].sha256 in settings: is missing"
    );
    assert_eq!(
        refused("[[keys]]\nsha512 = \"\""),
        "keys[0].sha512 in settings: unknown key; known here: `id` or `sha256`"
    );
}

#[test]
fn an_unknown_key_in_every_inner_table_is_refused() {
    assert_eq!(
        refused("models = [{ id = \"m\", targets = [{ provider = \"p\", modle = \"m\" }] }]"),
        "models[0].targets[0].modle in settings: unknown key; known here: `provider` or `model`"
    );
    assert_eq!(
        refused("models = [{ id = \"m\", targets = [], filter = { dorp = [] } }]"),
        "models[0].filter.dorp in settings: unknown key; known here: `drop_events` or `drop`"
    );
    assert_eq!(
        refused("providers = [{ id = \"p\", kind = \"openai\", metadata.alow = [] }]"),
        "providers[0].metadata.alow in settings: unknown key; known here: `allow`, \
         `request_allow` or `status`"
    );
}

#[test]
fn an_unknown_variable_is_refused_by_its_name() {
    assert_eq!(
        refused_variable("HERALD__LOG__LEVEL", "debug"),
        "log.level from HERALD__LOG__LEVEL: unknown key; known here: `filter` or `format`"
    );
    let server = refused_variable("HERALD__SERVER__PROT", "80");
    assert!(
        server.starts_with("server.prot from HERALD__SERVER__PROT: unknown key; known here: "),
        "{server}"
    );
}

#[test]
fn a_variable_of_an_unknown_section_is_refused_by_its_name() {
    let sevrer = refused_variable("HERALD__SEVRER__PORT", "80");
    assert!(
        sevrer.starts_with("sevrer from HERALD__SEVRER__PORT: unknown key; known here: "),
        "{sevrer}"
    );
}

#[test]
fn a_variable_in_small_letters_is_refused() {
    assert_eq!(
        refused_variable("herald__clocks__idle", "1s"),
        "herald__clocks__idle: write the name in capitals: HERALD__CLOCKS__IDLE"
    );
}

#[test]
fn a_variable_with_one_underscore_behind_the_prefix_is_refused() {
    assert_eq!(
        refused_variable("HERALD_CLOCKS__IDLE", "1s"),
        "HERALD_CLOCKS__IDLE: two underscores follow HERALD: HERALD__CLOCKS__IDLE"
    );
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
            format!("{name}: names no setting; write it like HERALD__CLOCKS__IDLE")
        );
    }
}

#[test]
fn a_list_in_a_variable_is_refused() {
    assert_eq!(
        refused_variable("HERALD__METADATA__ALLOW", "x-one,x-two"),
        "metadata.allow from HERALD__METADATA__ALLOW: is a list, and a list can only be written \
         in a settings file"
    );
    assert_eq!(
        refused_variable("HERALD__PROVIDERS", "sk-secret"),
        "providers from HERALD__PROVIDERS: is a list, and a list can only be written in a \
         settings file"
    );
}

#[test]
fn a_list_item_in_a_variable_is_refused() {
    assert_eq!(
        refused_variable("HERALD__PROVIDERS__0__API_KEY", "sk-secret"),
        "providers from HERALD__PROVIDERS__0__API_KEY: must be a list"
    );
}

#[test]
fn a_variable_for_a_whole_section_is_refused() {
    assert_eq!(
        refused_variable("HERALD__SERVER", "sk-secret"),
        "server from HERALD__SERVER: must be a table"
    );
}

#[test]
fn a_variable_that_is_no_number_is_refused() {
    for value in ["", "four", "4.0", "true", "-1", " 4"] {
        assert_eq!(
            refused_variable("HERALD__SERVER__WORKERS", value),
            "server.workers from HERALD__SERVER__WORKERS: must be a whole number",
            "{value:?}"
        );
    }
}

#[test]
fn a_number_is_neither_rounded_nor_made_of_something_else() {
    for value in ["1.9", "true", "\"4\"", "-1", "[4]"] {
        assert_eq!(
            refused(&format!("[server]\nworkers = {value}")),
            "server.workers in settings: must be a whole number",
            "{value}"
        );
    }
}

#[test]
fn a_truth_value_is_not_made_of_something_else() {
    for value in ["1", "\"yes\"", "\"true\"", "0.0"] {
        assert_eq!(
            refused(&format!(
                "providers = [{{ id = \"p\", kind = \"openai\", usage_request = {value} }}]"
            )),
            "providers[0].usage_request in settings: must be true or false",
            "{value}"
        );
    }
}

#[test]
fn a_string_is_not_made_of_a_number() {
    assert_eq!(
        refused("[server]\nlisten = 8080"),
        "server.listen in settings: must be a string in quotes"
    );
}

#[test]
fn a_duration_without_a_unit_is_refused() {
    for value in ["30", "\"30\"", "\"0\"", "\"30 parsecs\"", "true"] {
        assert_eq!(
            refused(&format!("[clocks]\nidle = {value}")),
            "clocks.idle in settings: must be a duration with its unit, in quotes, such as \
             \"250ms\", \"30s\" or \"5m\"",
            "{value}"
        );
    }
}

#[test]
fn a_size_without_a_unit_or_with_a_fraction_is_refused() {
    for value in ["1024", "\"1024\"", "\"0.3KiB\"", "\"1 bite\""] {
        assert_eq!(
            refused(&format!("[stream]\nheld_bytes = {value}")),
            "stream.held_bytes in settings: must be a size with its unit, in quotes and whole, \
             such as \"512B\" or \"16KiB\"",
            "{value}"
        );
    }
}

#[test]
fn a_word_that_is_not_one_of_the_choices_is_refused() {
    assert_eq!(
        refused("auth = \"open\""),
        "auth in settings: must be \"none\" or \"keys\""
    );
    assert_eq!(
        refused("[log]\nformat = 1"),
        "log.format in settings: must be \"auto\", \"pretty\" or \"json\""
    );
    assert_eq!(
        refused("[upstream]\nproxy = \"http://proxy\""),
        "upstream.proxy in settings: must be \"environment\" or \"none\""
    );
    assert_eq!(
        refused("providers = [{ id = \"p\", kind = \"OpenAI\" }]"),
        "providers[0].kind in settings: must be \"openai\" or \"replay\""
    );
    assert_eq!(
        refused("models = [{ id = \"m\", targets = [], filter.drop = [\"usage\", \"text\"] }]"),
        "models[0].filter.drop[1] in settings: must be \"usage\", \"reasoning\" or \"logprobs\""
    );
}

#[test]
fn a_list_that_is_no_list_is_refused() {
    assert_eq!(
        refused("providers = \"sk-secret\""),
        "providers in settings: must be a list"
    );
}

#[test]
fn a_missing_key_of_a_list_item_is_refused() {
    assert_eq!(
        refused("[[providers]]\nkind = \"openai\""),
        "providers[0].id in settings: is missing"
    );
    assert_eq!(
        refused("models = [{ id = \"m\" }]"),
        "models[0].targets in settings: is missing"
    );
}

#[test]
fn a_secret_in_place_of_its_reference_is_refused_and_not_repeated() {
    let provider = |api_key: &str| {
        refused(&format!(
            "providers = [{{ id = \"p\", kind = \"openai\", api_key = {api_key} }}]"
        ))
    };
    assert_eq!(
        provider("\"sk-secret\""),
        "providers[0].api_key in settings: must not be the secret itself: write \
         { env = \"NAME\" } or { file = \"/path\" }, which say where it is"
    );
    for wrong in [
        "{ value = \"sk-secret\" }",
        "{ sk-secret = \"\" }",
        "{ env = \"A\", file = \"sk-secret\" }",
        "{}",
        "[\"sk-secret\"]",
        "7",
        "true",
    ] {
        assert_eq!(
            provider(wrong),
            "providers[0].api_key in settings: must be { env = \"NAME\" } or \
             { file = \"/path\" }, which say where the secret is",
            "{wrong}"
        );
    }
    assert_eq!(
        provider("{ env = 7 }"),
        "providers[0].api_key.env in settings: must be a string in quotes"
    );
}

#[test]
fn a_status_that_is_no_number_is_refused() {
    assert_eq!(
        refused("[metadata.status]\n\"429\" = \"503\""),
        "metadata.status.429 in settings: must be a whole number"
    );
    assert_eq!(
        refused_variable("HERALD__METADATA__STATUS__429", "often"),
        "metadata.status.429 from HERALD__METADATA__STATUS__429: must be a whole number"
    );
}

#[test]
fn broken_toml_is_refused_with_its_place_and_without_its_text() {
    let broken = refused("[[providers]]\nid = \"p\"\napi_key = sk-secret\n");
    assert!(broken.starts_with("settings:3:11: "), "{broken}");
    assert!(!broken.contains("sk-secret"), "{broken}");
    let twice = refused("[log]\nfilter = \"info\"\nfilter = \"debug\"\n");
    assert_eq!(twice, "settings:3:1: duplicate key");
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
        let told = refused(&format!("\"{key}\" = 1"));
        assert!(
            told.contains("must be") || told.contains("unknown key"),
            "{key}: {told}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let missing = Settings::load(Some(Path::new("/nowhere/herald.toml")), &HashMap::new());
    assert_eq!(
        missing.unwrap_err().to_string(),
        "cannot read the settings file /nowhere/herald.toml: No such file or directory (os error 2)"
    );
    let binary = Scratch::file("binary.toml", b"\xff\xfe");
    let unreadable = Settings::load(Some(&binary.0), &HashMap::new()).unwrap_err();
    assert_eq!(
        unreadable.to_string(),
        format!(
            "cannot read the settings file {}: it is not UTF-8",
            binary.path()
        )
    );
}

#[test]
fn a_mistake_in_a_file_names_the_file() {
    let file = Scratch::file("mistake.toml", b"[clocks]\nidle = 5");
    let refused = Settings::load(Some(&file.0), &HashMap::new()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "clocks.idle in {}: must be a duration with its unit, in quotes, such as \"250ms\", \
             \"30s\" or \"5m\"",
            file.path()
        )
    );
}
