//! The formats that clients and providers speak, and who speaks which: what `docs/providers.md` says,
//! once more.

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Chat,
    Completions,
    Responses,
    Messages,
    /// Sourcegraph's api-versions 0 and 1: each event repeats all of the text.
    CodyWhole,
    /// The versions from 2 on.
    CodyPieces,
}

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Chat,
    /// The same at `/.api/llm/`.
    LlmChat,
    Completions,
    Responses,
    Messages,
    /// Sourcegraph's, of a version; whether at the path for code.
    Cody(Option<u8>, bool),
}

impl Dialect {
    pub(super) fn path(self) -> String {
        match self {
            Self::Chat => "/v1/chat/completions".to_owned(),
            Self::LlmChat => "/.api/llm/chat/completions".to_owned(),
            Self::Completions => "/v1/completions".to_owned(),
            Self::Responses => "/v1/responses".to_owned(),
            Self::Messages => "/v1/messages".to_owned(),
            Self::Cody(version, is_code) => {
                let path = if is_code { "code" } else { "stream" };
                let query = version.map(|version| format!("?api-version={version}"));
                format!("/.api/completions/{path}{}", query.unwrap_or_default())
            }
        }
    }

    pub(super) fn format(self) -> Format {
        match self {
            Self::Chat | Self::LlmChat => Format::Chat,
            Self::Completions => Format::Completions,
            Self::Responses => Format::Responses,
            Self::Messages => Format::Messages,
            Self::Cody(None | Some(1), _) => Format::CodyWhole,
            Self::Cody(..) => Format::CodyPieces,
        }
    }

    pub(super) fn is_cody(self) -> bool {
        matches!(self, Self::Cody(..))
    }
}

/// Who serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Provider {
    OpenAi,
    /// One that has responses.
    OpenAiResponses,
    Anthropic,
    Herald,
    /// One that never fails, for the request after all others.
    Probe,
}

impl Provider {
    pub(super) const ALL: [Self; 5] = [
        Self::OpenAi,
        Self::OpenAiResponses,
        Self::Anthropic,
        Self::Herald,
        Self::Probe,
    ];

    /// Those that clients are drawn.
    pub(super) const SERVING: [Self; 4] = [
        Self::OpenAi,
        Self::OpenAiResponses,
        Self::Anthropic,
        Self::Herald,
    ];

    /// Its id in the settings, and the name of the model that it serves.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::OpenAiResponses => "responses",
            Self::Anthropic => "anthropic",
            Self::Herald => "herald",
            Self::Probe => "probe",
        }
    }

    /// The name that the model has there.
    pub(super) fn upstream_model(self) -> String {
        format!("upstream-{}", self.id())
    }

    /// Its key: nobody but the provider itself may ever see it.
    pub(super) fn key(self) -> String {
        format!("sk-of-provider-{}-0123456789", self.id())
    }

    /// In which format it is asked for what a client of this dialect wants; `None`: it has nothing of
    /// the kind.
    pub(super) fn asked_in(self, dialect: Dialect) -> Option<Format> {
        match (self, dialect.format()) {
            (Self::Anthropic, Format::Completions) => None,
            (Self::Anthropic, _) | (Self::Herald, Format::Messages) => Some(Format::Messages),
            (Self::OpenAiResponses | Self::Herald, Format::Responses) => Some(Format::Responses),
            (_, Format::Completions) => Some(Format::Completions),
            _ => Some(Format::Chat),
        }
    }
}

/// In which format a provider is asked at a path.
pub(super) fn format_of(path: &str) -> Option<Format> {
    Some(match path {
        "/v1/chat/completions" => Format::Chat,
        "/v1/completions" => Format::Completions,
        "/v1/responses" => Format::Responses,
        "/v1/messages" => Format::Messages,
        _ => return None,
    })
}
