//! The description of both APIs as OpenAPI 3.1, made from the handlers and their types.
//!
//! `docs/openapi.json` is the same text, for whoever has no Herald running.

use std::sync::LazyLock;

use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components, ContentBuilder, Header, Object, Ref, RefOr, Required, Response, Schema, Server,
        Type,
        path::{Operation, ParameterIn},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use crate::{admin::AdminApi, reload::routes::SettingsApi, routes::PublicApi};

/// What clients ask.
pub(crate) const PUBLIC: &str = "public";
/// What Cody asks: its errors are texts.
pub(crate) const SOURCEGRAPH: &str = "sourcegraph";
/// What operators ask, on the admin listener.
pub(crate) const ADMIN: &str = "admin";
/// What probes ask, on either listener.
pub(crate) const HEALTH: &str = "health";

/// Where each is by default, for tools that need an address.
const PUBLIC_SERVER: &str = "http://127.0.0.1:8080";
const ADMIN_SERVER: &str = "http://127.0.0.1:8081";

/// The two halves, and what all of their operations have in common.
#[derive(OpenApi)]
#[openapi(
    info(title = "Herald", description = "A streaming gateway for LLM completions"),
    tags(
        (name = PUBLIC, description = "What clients ask, on `server.listen`"),
        (name = SOURCEGRAPH, description = "What Cody asks, on `server.listen`"),
        (name = ADMIN, description = "What operators ask, on `admin.listen`"),
        (name = HEALTH, description = "What probes ask, on either; no key and no token is needed")
    )
)]
struct Api;

/// The text of the description, made once.
pub(crate) fn document() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        let mut api = Api::openapi();
        api.merge(PublicApi::openapi());
        api.merge(AdminApi::openapi());
        api.merge(SettingsApi::openapi());
        Shared.modify(&mut api);
        let mut text = api
            .to_pretty_json()
            .expect("strings and numbers always serialise");
        text.push('\n');
        text
    });
    &DOCUMENT
}

/// Adds what every operation of a tag has: how callers show who they are, and how they are refused.
struct Shared;

impl Modify for Shared {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_with(Components::default);
        for (name, description) in [
            (PUBLIC, "A client's key, where `auth` asks for one"),
            (ADMIN, "The token of `admin.token`, where there is one"),
        ] {
            let bearer = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(description))
                .build();
            components.add_security_scheme(name, SecurityScheme::Http(bearer));
        }
        let operations = api.paths.paths.values_mut().flat_map(|path| {
            [
                &mut path.get,
                &mut path.post,
                &mut path.put,
                &mut path.delete,
            ]
            .into_iter()
            .flatten()
        });
        for operation in operations {
            complete(operation);
        }
    }
}

/// A refusal that operations have in common.
struct Refusal {
    /// Of which operations.
    tags: &'static [&'static str],
    status: &'static str,
    why: &'static str,
    /// The header that comes with it.
    header: Option<&'static str>,
    /// The schema of its body; `None`: a text.
    body: Option<&'static str>,
}

const REFUSALS: [Refusal; 9] = [
    Refusal {
        tags: &[SOURCEGRAPH],
        status: "401",
        why: "No key, or a wrong one",
        header: Some("www-authenticate"),
        body: None,
    },
    Refusal {
        tags: &[SOURCEGRAPH],
        status: "400",
        why: "A web page of another origin sends this, where no key is asked for",
        header: None,
        body: None,
    },
    Refusal {
        tags: &[SOURCEGRAPH],
        status: "503",
        why: "Herald is stopping or full, or the provider is overloaded",
        header: Some("retry-after"),
        body: None,
    },
    Refusal {
        tags: &[PUBLIC],
        status: "401",
        why: "`invalid_api_key` or `expired_api_key`",
        header: Some("www-authenticate"),
        body: Some("ErrorBody"),
    },
    Refusal {
        tags: &[PUBLIC],
        status: "503",
        why: "`gateway_draining`",
        header: Some("retry-after"),
        body: Some("ErrorBody"),
    },
    Refusal {
        tags: &[ADMIN],
        status: "401",
        why: "`token_missing` or `token_wrong`",
        header: Some("www-authenticate"),
        body: Some("ProblemBody"),
    },
    // Of health the admin listener's guard is asked too.
    Refusal {
        tags: &[ADMIN, HEALTH],
        status: "403",
        why: "`foreign_page`: a web page of another origin sends this",
        header: None,
        body: Some("ProblemBody"),
    },
    Refusal {
        tags: &[ADMIN, HEALTH],
        status: "413",
        why: "`body_too_large`",
        header: None,
        body: Some("ProblemBody"),
    },
    Refusal {
        tags: &[ADMIN, HEALTH],
        status: "429",
        why: "`too_many_requests`",
        header: Some("retry-after"),
        body: Some("ProblemBody"),
    },
];

fn complete(operation: &mut Operation) {
    let tags = operation.tags.clone().unwrap_or_default();
    let is_of = |tag: &str| tags.iter().any(|known| known == tag);
    let responses = &mut operation.responses.responses;
    for refusal in &REFUSALS {
        if !refusal.tags.iter().any(|tag| is_of(tag)) {
            continue;
        }
        // An operation may have said more of it.
        let refused = responses
            .entry(refusal.status.to_owned())
            .or_insert_with(|| Response::new(refusal.why).into());
        let RefOr::T(refused) = refused else { continue };
        let (kind, schema): (_, RefOr<Schema>) = match refusal.body {
            Some(name) => ("application/json", Ref::from_schema_name(name).into()),
            None => ("text/plain", Object::with_type(Type::String).into()),
        };
        let content = ContentBuilder::new().schema(Some(schema));
        refused
            .content
            .entry(kind.to_owned())
            .or_insert_with(|| content.build().into());
        if let Some(name) = refusal.header {
            refused.headers.insert(name.to_owned(), text_header());
        }
    }
    // Nobody must send any, and none may be null, which an `Option` at the handler would say.
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Header
        {
            parameter.required = Required::False;
        }
    }
    for (tag, scheme, address) in [
        (PUBLIC, PUBLIC, PUBLIC_SERVER),
        (SOURCEGRAPH, PUBLIC, PUBLIC_SERVER),
        (ADMIN, ADMIN, ADMIN_SERVER),
    ] {
        if is_of(tag) {
            let nothing = SecurityRequirement::default();
            let bearer = SecurityRequirement::new(scheme, Vec::<String>::new());
            operation.security = Some(vec![nothing, bearer]);
        }
        if is_of(tag) || is_of(HEALTH) {
            let servers = operation.servers.get_or_insert_default();
            servers.push(Server::new(address));
        }
    }
}

fn text_header() -> RefOr<Header> {
    Header::new(Object::with_type(Type::String)).into()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");

    #[test]
    fn the_file_in_docs_is_what_the_code_says() {
        if std::env::var_os("HERALD_WRITE_DOCS").is_some() {
            std::fs::write(FILE, document()).unwrap();
        }
        let written = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            written == document(),
            "docs/openapi.json is not what the code says: HERALD_WRITE_DOCS=1 cargo test --lib openapi"
        );
    }

    #[test]
    fn every_operation_says_who_may_ask_and_every_reference_leads_somewhere() {
        let api: Value = serde_json::from_str(document()).unwrap();
        for (path, item) in api["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let tag = operation["tags"][0].as_str().unwrap();
                let is_open = operation["security"].is_null();
                assert_eq!(is_open, tag == HEALTH, "{method} {path}");
                assert!(operation["summary"].is_string(), "{method} {path}");
            }
        }
        let references = document().split("\"$ref\": \"#").skip(1);
        for reference in references {
            let pointer = reference.split('"').next().unwrap();
            assert!(api.pointer(pointer).is_some(), "{pointer}");
        }
    }
}
