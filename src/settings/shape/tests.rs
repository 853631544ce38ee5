use std::{collections::HashMap, sync::Arc};

use super::*;
use crate::settings::{
    diagnostics::Found,
    layers::{self, Written},
    origin::Origins,
};

/// The settings after the walk, and the keys that it told of.
fn checked(text: &str, variables: &[(&str, &str)]) -> (Json, Vec<String>) {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment: HashMap<_, _> = variables.iter().map(owned).collect();
    let name = "settings";
    let merged = layers::merge(Some(Written { name, text }), &environment);
    let mut root = merged.root;
    let origins = Origins::of(&root, Arc::clone(&merged.sources));
    let mut problems = Problems::new(&origins, Found::default());
    check(&mut root, &merged.defaults, &mut problems);
    let told = problems.into_found().list.into_iter();
    (json(root), told.map(|told| told.key).collect())
}

#[test]
fn what_is_wrong_is_replaced_by_its_default_and_what_is_right_stays() {
    let (settings, told) = checked(
        "clocks = { idle = 5, head = \"80s\" }\nserver = 1\n[log]\nformat = \"xml\"\n",
        &[],
    );
    assert_eq!(settings["clocks"]["idle"], "120s");
    assert_eq!(settings["clocks"]["head"], "80s");
    assert_eq!(settings["server"]["listen"], "127.0.0.1:8080");
    assert_eq!(settings["log"]["format"], "auto");
    assert_eq!(told, ["clocks.idle", "log.format", "server"]);
}

#[test]
fn what_has_no_default_is_replaced_by_something_of_its_type_or_left_out() {
    let (settings, told) = checked(
        "auth = 1\nkeys = [{ id = 7 }, 7]\nproviders = [{ id = \"p\", kind = \"x\", ca_file = 1 }]\n\
         models = [{ id = \"m\", targets = [[]] }]\n",
        &[],
    );
    let key = serde_json::json!({ "id": "", "sha256": "" });
    assert_eq!(settings["auth"], Json::Null);
    assert_eq!(settings["keys"], Json::from(vec![key.clone(), key]));
    let provider = serde_json::json!({ "id": "p", "kind": "openai" });
    assert_eq!(settings["providers"][0], provider);
    let target = serde_json::json!({ "provider": "", "model": "" });
    assert_eq!(settings["models"][0]["targets"][0], target);
    assert_eq!(
        told,
        [
            "auth",
            "keys[0].id",
            "keys[0].sha256",
            "keys[1]",
            "models[0].targets[0]",
            "providers[0].ca_file",
            "providers[0].kind",
        ]
    );
}

#[test]
fn unknown_keys_and_wrong_values_at_names_of_the_admin_s_own_are_left_out() {
    let (settings, told) = checked(
        "[metadata.status]\n\"429\" = \"503\"\n\"500\" = 502\n[log]\nlevel = 1\n",
        &[],
    );
    assert_eq!(
        settings["metadata"]["status"],
        serde_json::json!({ "500": 502 })
    );
    assert_eq!(settings["log"].get("level"), None);
    assert_eq!(told, ["log.level", "metadata.status.429"]);
}

#[test]
fn only_text_of_a_variable_becomes_a_number() {
    let (settings, told) = checked("", &[("HERALD__SERVER__WORKERS", "3")]);
    assert_eq!(settings["server"]["workers"], 3);
    assert_eq!(told, [""; 0]);
    let (settings, told) = checked("[server]\nworkers = \"3\"", &[]);
    assert_eq!(settings["server"]["workers"], 0);
    assert_eq!(told, ["server.workers"]);
}

#[test]
fn a_share_is_a_number_with_decimals_or_without_within_its_range() {
    let text = "[outliers]\nfailure_ratio = 1\nmax_ejected = 0.25\n";
    let variables = [("HERALD__HEADROOM__BELOW", "0.05")];
    let (settings, told) = checked(text, &variables);
    assert_eq!(settings["outliers"]["failure_ratio"], 1.0);
    assert_eq!(settings["outliers"]["max_ejected"], 0.25);
    assert_eq!(settings["headroom"]["below"], 0.05);
    assert_eq!(told, [""; 0]);
    let text = "[outliers]\nfailure_ratio = inf\nmax_ejected = -0.5\n[headroom]\nbelow = \"0.5\"\n";
    let (settings, told) = checked(text, &[]);
    assert_eq!(settings["outliers"]["failure_ratio"], 0.5);
    let keys = [
        "headroom.below",
        "outliers.failure_ratio",
        "outliers.max_ejected",
    ];
    assert_eq!(told, keys);
}

#[test]
fn a_variable_below_what_is_no_section_leaves_the_defaults_in_place() {
    let idle = ("HERALD__CLOCKS__IDLE", "90s");
    let (settings, told) = checked("clocks = \"60s\"", &[idle]);
    assert_eq!(settings["clocks"]["connect"], "10s");
    assert_eq!(told, ["clocks"]);
}

#[test]
fn a_key_that_is_surely_misspelt_does_not_miss_the_right_one_too() {
    let (_, told) = checked("[[keys]]\nid = \"a\"\nsha265 = \"\"\n", &[]);
    assert_eq!(told, ["keys[0].sha265"]);
    let (_, told) = checked("[[keys]]\nid = \"a\"\nsomething = \"\"\n", &[]);
    assert_eq!(told, ["keys[0].something", "keys[0].sha256"]);
}

#[test]
fn what_stands_in_for_any_part_of_the_schema_is_read_as_its_type() {
    // Everything that can be left out is, and every item is a stand-in.
    let lists = ["providers", "models", "keys"].map(|list| format!("{list} = [1]\n"));
    let (settings, _) = checked(&lists.concat(), &[]);
    for list in ["providers", "models", "keys"] {
        assert_eq!(settings[list].as_array().unwrap().len(), 1);
    }
    serde_json::from_value::<crate::settings::Sections>(settings).unwrap();
}
