//! What is asked of each provider, for a request in each dialect.

use std::fmt::Write;

use bytes::Bytes;
use serde_json::Value;

use crate::{PROVIDERS, assert_picture, dialects, fixtures, passage};

#[test]
fn each_request_is_told_to_each_provider_as_its_picture_shows() {
    for (name, text) in fixtures("requests", ".json") {
        let (_, word) = name.rsplit_once('.').expect("case.dialect.json");
        let (_, dialect) = dialects()
            .into_iter()
            .find(|(known, _)| known == word)
            .unwrap_or_else(|| panic!("{name}: no such dialect"));
        let mut picture = String::new();
        for provider in PROVIDERS {
            let told = match passage(dialect, Bytes::from(text.clone()), provider) {
                Ok((_, passage)) if passage.translation.is_none() => "passes as it is\n".to_owned(),
                Ok((_, passage)) => {
                    let body: Value = serde_json::from_slice(&passage.body.concat()).unwrap();
                    format!("lost: {}\n{body:#}\n", passage.lost)
                }
                Err(error) => format!("refused, {:?}: {error}\n", error.param()),
            };
            writeln!(picture, "== {provider} ==\n{told}").unwrap();
        }
        assert_picture("requests", &name, &picture);
    }
}
