//! What is known of OpenAI-compatible providers, as data: a new one is a new line here.

use crate::{
    completion::WireFormat::{self, ChatCompletions, Completions, Embeddings, Responses},
    providers::{
        CredentialStyle::{self, ApiKey, Bearer},
        openai::ChatQuirks,
    },
};

/// What a provider of kind `openai` is taken to be where its own settings say nothing.
#[derive(Debug, PartialEq, Eq)]
pub struct Preset {
    /// Setting `providers.preset`.
    pub name: &'static str,
    /// Where it is; `None`: everyone has another address.
    pub base_url: Option<&'static str>,
    /// How it is told the key.
    pub credentials: CredentialStyle,
    /// What passes of its heads beside `metadata.allow`: names, and prefixes that end in `*`.
    pub allow: &'static [&'static str],
    /// The data of the event that ends its streams. All of these send it, and a stream may also end
    /// without it once every choice is finished.
    pub end_marker: &'static str,
    /// Whether it is asked for usage in a stream (`stream_options.include_usage`), which a client who
    /// did not ask never sees.
    pub usage_request: bool,
    /// Which of OpenAI's APIs it has.
    pub apis: &'static [WireFormat],
    /// Where they stand.
    pub paths: Paths,
    /// What it takes of a request that is translated for it.
    pub quirks: ChatQuirks,
}

/// Where a provider's APIs stand below its base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// As OpenAI has them.
    Plain,
    /// As Azure has them: below the deployment, with an `api-version`, where the settings name one;
    /// else below `/openai/v1`.
    Azure,
}

const DONE: &str = "[DONE]";

/// A provider of which only the protocol is known. What it does not have it answers for itself; but
/// responses, which many lack, are translated for it.
pub static COMPATIBLE: Preset = Preset {
    name: "",
    base_url: None,
    credentials: Bearer,
    allow: &[],
    end_marker: DONE,
    usage_request: false,
    apis: &[ChatCompletions, Completions, Embeddings],
    paths: Paths::Plain,
    quirks: ChatQuirks::COMPATIBLE,
};

/// The providers that have a name here, from their API references and those of their servers' sources
/// (read November 2026).
pub static PRESETS: &[Preset] = &[
    Preset {
        name: "openai",
        base_url: Some("https://api.openai.com/v1"),
        usage_request: true,
        apis: &[ChatCompletions, Completions, Responses, Embeddings],
        quirks: ChatQuirks::OPENAI,
        ..COMPATIBLE
    },
    Preset {
        name: "azure-openai",
        credentials: ApiKey,
        allow: &[
            "apim-request-id",
            "x-ms-client-request-id",
            "x-ms-region",
            "x-ms-deployment-name",
        ],
        usage_request: true,
        apis: &[ChatCompletions, Completions, Responses, Embeddings],
        paths: Paths::Azure,
        quirks: ChatQuirks::OPENAI,
        ..COMPATIBLE
    },
    Preset {
        name: "fireworks",
        base_url: Some("https://api.fireworks.ai/inference/v1"),
        allow: &["fireworks-*"],
        usage_request: true,
        apis: &[ChatCompletions, Completions, Responses, Embeddings],
        quirks: ChatQuirks {
            top_k: true,
            prediction: true,
            ..ChatQuirks::COMPATIBLE
        },
        ..COMPATIBLE
    },
    Preset {
        name: "groq",
        base_url: Some("https://api.groq.com/openai/v1"),
        allow: &["x-groq-region"],
        usage_request: true,
        apis: &[ChatCompletions, Responses],
        quirks: ChatQuirks {
            logprobs: false,
            prediction: false,
            ..ChatQuirks::OPENAI
        },
        ..COMPATIBLE
    },
    // Its streams tell usage without being asked, and it refuses members that it does not know.
    Preset {
        name: "mistral",
        base_url: Some("https://api.mistral.ai/v1"),
        allow: &["mistral-correlation-id", "x-kong-request-id"],
        apis: &[ChatCompletions, Embeddings],
        quirks: ChatQuirks {
            include_usage: false,
            logprobs: false,
            passes: &["frequency_penalty", "presence_penalty"],
            ..ChatQuirks::COMPATIBLE
        },
        ..COMPATIBLE
    },
    Preset {
        name: "together",
        base_url: Some("https://api.together.xyz/v1"),
        usage_request: true,
        quirks: ChatQuirks {
            top_k: true,
            logprobs: false,
            ..ChatQuirks::COMPATIBLE
        },
        ..COMPATIBLE
    },
    Preset {
        name: "deepseek",
        base_url: Some("https://api.deepseek.com/v1"),
        allow: &["x-ds-trace-id"],
        usage_request: true,
        apis: &[ChatCompletions],
        quirks: ChatQuirks {
            thoughts: true,
            text_lists: false,
            ..ChatQuirks::COMPATIBLE
        },
        ..COMPATIBLE
    },
    Preset {
        name: "openrouter",
        base_url: Some("https://openrouter.ai/api/v1"),
        allow: &["x-generation-id"],
        usage_request: true,
        apis: &[ChatCompletions, Completions, Responses, Embeddings],
        quirks: ChatQuirks {
            top_k: true,
            thoughts: true,
            effort_none: true,
            cache_control: true,
            prediction: true,
            ..ChatQuirks::COMPATIBLE
        },
        ..COMPATIBLE
    },
    Preset {
        name: "xai",
        base_url: Some("https://api.x.ai/v1"),
        usage_request: true,
        apis: &[ChatCompletions, Completions, Responses],
        quirks: ChatQuirks {
            prediction: false,
            ..ChatQuirks::OPENAI
        },
        ..COMPATIBLE
    },
    Preset {
        name: "vllm",
        usage_request: true,
        apis: &[ChatCompletions, Completions, Responses, Embeddings],
        quirks: ChatQuirks {
            top_k: true,
            effort_none: true,
            ..ChatQuirks::COMPATIBLE
        },
        ..COMPATIBLE
    },
    Preset {
        name: "ollama",
        base_url: Some("http://127.0.0.1:11434/v1"),
        usage_request: true,
        apis: &[ChatCompletions, Completions, Embeddings],
        ..COMPATIBLE
    },
    Preset {
        name: "llama.cpp",
        base_url: Some("http://127.0.0.1:8080/v1"),
        usage_request: true,
        apis: &[ChatCompletions, Completions, Embeddings],
        quirks: ChatQuirks {
            top_k: true,
            ..ChatQuirks::COMPATIBLE
        },
        ..COMPATIBLE
    },
];

/// The preset of that name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A preset as docs/providers.md has it.
    fn row(preset: &Preset) -> String {
        let code = |words: Vec<&str>| {
            let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
            match words.is_empty() {
                true => "–".to_owned(),
                false => words.join(", "),
            }
        };
        let credentials = match preset.credentials {
            Bearer => "bearer",
            CredentialStyle::XApiKey => "x-api-key",
            ApiKey => "api-key",
        };
        let quirks = preset.quirks;
        let takes = [
            (quirks.top_k, "top_k"),
            (quirks.thoughts, "thoughts"),
            (quirks.effort_none, "effort none"),
            (quirks.cache_control, "cache_control"),
            (quirks.logprobs, "logprobs"),
            (quirks.prediction, "prediction"),
            (quirks.text_lists, "lists of texts"),
        ];
        let takes: Vec<_> = takes
            .iter()
            .filter_map(|(is_taken, word)| is_taken.then_some(*word))
            .collect();
        let apis = preset
            .apis
            .iter()
            .map(|api| api.path().trim_start_matches("/v1"));
        format!(
            "| `{}` | {} | {} | {} | {} | {} | `{}`; {} |",
            preset.name,
            preset
                .base_url
                .map_or("–".to_owned(), |url| format!("`{url}`")),
            credentials,
            code(apis.collect()),
            if preset.usage_request { "yes" } else { "no" },
            code(preset.allow.to_vec()),
            quirks.max_tokens,
            takes.join(", "),
        )
    }

    #[test]
    fn the_page_tells_each_preset_as_it_is() {
        let page = include_str!("../../../docs/providers.md");
        for preset in PRESETS {
            let row = row(preset);
            assert!(page.lines().any(|line| line == row), "{row}");
        }
    }

    #[test]
    fn every_preset_has_a_name_of_its_own_and_chat_completions() {
        for (index, preset) in PRESETS.iter().enumerate() {
            assert!(!preset.name.is_empty());
            assert!(preset.apis.contains(&ChatCompletions), "{}", preset.name);
            let first = PRESETS.iter().position(|other| other.name == preset.name);
            assert_eq!(first, Some(index), "{}", preset.name);
            let is_local = |url: &str| url.starts_with("http://127.0.0.1:");
            assert!(
                preset
                    .base_url
                    .is_none_or(|url| url.starts_with("https://") || is_local(url)),
                "{}",
                preset.name
            );
        }
    }
}
