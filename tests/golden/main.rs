//! One case, all providers and dialects side by side: what is asked of each provider, and what each
//! client is told. The pictures are beside the fixtures; `INSTA_UPDATE=always` draws them anew.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod any_bytes;
mod events;
mod requests;
mod round_trips;

use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use herald::{
    completion::CompletionRequest,
    dialects::{
        AnswerContext, Dialect,
        anthropic::Messages,
        openai::{ChatCompletions, Responses},
        sourcegraph,
    },
    error::RequestError,
    settings::{Settings, VerifiedTarget},
    translation::Passage,
};

/// The dialects that are translated, by the word that names them in a fixture.
fn dialects() -> Vec<(String, &'static dyn Dialect)> {
    let mut all: Vec<(String, &'static dyn Dialect)> = vec![
        ("chat".to_owned(), &ChatCompletions),
        ("responses".to_owned(), &Responses),
        ("messages".to_owned(), &Messages),
    ];
    // The first and the last version: those between them write as one of the two.
    for version in [0, 8] {
        let dialect = sourcegraph::Completions::chat(version).unwrap();
        all.push((format!("sourcegraph-{version}"), dialect));
    }
    all
}

/// The providers, by the word that names them in a fixture.
const PROVIDERS: [&str; 2] = ["openai", "anthropic"];

/// What every answer says of itself where its provider says nothing.
const ABOUT: AnswerContext<'static> = AnswerContext {
    id: "0192f0c1-2345-7abc-8def-0123456789ab",
    model: "up-model",
    created: 1_700_000_000,
};

/// A model for each of [`PROVIDERS`], and one that a preset serves.
static MODELS: LazyLock<HashMap<&str, Arc<VerifiedTarget>>> = LazyLock::new(|| {
    [
        ("openai", r#"kind = "openai""#),
        ("anthropic", r#"kind = "anthropic""#),
        ("openrouter", "kind = \"openai\"\npreset = \"openrouter\""),
    ]
    .map(|(word, lines)| {
        let settings = format!(
            "[[providers]]\nid = \"p\"\n{lines}\nbase_url = \"http://127.0.0.1:1\"\n\
             [[models]]\nid = \"m\"\ntargets = [{{ provider = \"p\", model = \"up-model\" }}]\n"
        );
        let settings = Settings::from_toml(&settings).unwrap();
        let settings = settings.verify(&HashMap::new()).unwrap();
        (
            word,
            Arc::clone(settings.models.get("m").unwrap().first_target()),
        )
    })
    .into()
});

fn passage(
    dialect: &'static dyn Dialect,
    body: Bytes,
    provider: &str,
) -> Result<(CompletionRequest, Passage), RequestError> {
    let request = dialect.parse_completion(body)?;
    let passage = Passage::find(dialect, &request, &MODELS[provider], ABOUT)?;
    Ok((request, passage))
}

/// The fixtures of a folder with this ending, by name.
fn fixtures(folder: &str, ending: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(folder);
    let mut found: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let name = path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned();
            Some((name, fs::read_to_string(&path).unwrap()))
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no fixtures that end in {ending}");
    found
}

/// A fixture's picture, kept beside it.
fn assert_picture(folder: &str, name: &str, picture: &str) {
    insta::with_settings!({
        snapshot_path => folder,
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, picture);
    });
}
