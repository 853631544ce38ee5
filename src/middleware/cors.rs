//! CORS (WHATWG Fetch, section 3.3): lets pages of the settings' origins read Herald's answers.
//!
//! **Invariant.** CORS refuses nothing. Where the settings allow no origin, and for one that they do
//! not allow, the answer is that which it would be without this layer, but for `vary`.

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{Service, ServiceRequest, ServiceResponse, Transform},
    http::{
        Method,
        header::{
            ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
            ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
        },
    },
    middleware::Next,
    web,
};

use crate::{
    settings::{AllowedOrigins, Cors},
    startup::Gateway,
};

/// Answers preflights, and marks every other answer for the page that asked.
///
/// It stands around the request's record, so that the request's id is among the headers that a page
/// may read, and so that a preflight, like a probe, leaves no line.
pub(crate) async fn share_with_origins(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let gateway = request.app_data::<web::Data<Gateway>>();
    let settings = gateway.map(|gateway| gateway.settings());
    let Some(cors) = settings
        .as_ref()
        .and_then(|settings| settings.cors.as_ref())
    else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let allowed = allowed_origin(cors, request.headers());
    if let (Some(_), Some(method)) = (&allowed, preflight(&request)) {
        let layer = preflight_layer(cors, &method).new_transform(next).await;
        let layer = layer.expect("no two of the layer's options contradict each other");
        return Ok(layer.call(request).await?.map_into_boxed_body());
    }
    let is_one_of_some = matches!(cors.origins, AllowedOrigins::Only(_));
    // A stream does not hold the settings for this.
    drop(settings);

    let mut response = next.call(request).await?.map_into_boxed_body();
    let headers = response.headers_mut();
    if let Some(origin) = allowed {
        let exposed = exposed(headers);
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    if is_one_of_some {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    Ok(response)
}

/// What `access-control-allow-origin` says, if the answer may be read at all.
///
/// Where every origin is allowed, it says so to everybody, whether there is an `Origin` or not: a
/// cache may then give one answer to all (Fetch, section 3.3.5).
fn allowed_origin(cors: &Cors, headers: &HeaderMap) -> Option<HeaderValue> {
    match &cors.origins {
        AllowedOrigins::Any => Some(HeaderValue::from_static("*")),
        AllowedOrigins::Only(origins) => {
            let origin = headers.get(ORIGIN)?;
            origins
                .contains(origin.to_str().ok()?)
                .then(|| origin.clone())
        }
    }
}

/// Whether the settings allow the origin of this request's page.
pub(super) fn is_allowed(cors: Option<&Cors>, headers: &HeaderMap) -> bool {
    cors.is_some_and(|cors| allowed_origin(cors, headers).is_some())
}

/// The method that a page would like to use, if this is a browser asking first.
fn preflight(request: &ServiceRequest) -> Option<Method> {
    if request.method() != Method::OPTIONS || !request.headers().contains_key(ORIGIN) {
        return None;
    }
    let method = request.headers().get(ACCESS_CONTROL_REQUEST_METHOD)?;
    Method::from_bytes(method.as_bytes()).ok()
}

/// Allows any method and any header: what Herald does not take, the request itself is told, in words
/// that the page can read. It is made for each preflight, under the settings of that moment.
///
/// Nothing is given away by that. The request is refused or served as one without a page would be,
/// and of its headers only those travel on that `metadata.request_allow` names. Cookies and other
/// credentials of the browser's own are not allowed.
fn preflight_layer(cors: &Cors, method: &Method) -> actix_cors::Cors {
    let seconds = usize::try_from(cors.max_age.as_secs()).unwrap_or(usize::MAX);
    let layer = actix_cors::Cors::default()
        // Ours is the check of the origin; the layer repeats the one that has passed it.
        .allow_any_origin()
        .allow_any_header()
        .allowed_methods([method.as_str()])
        .max_age(seconds);
    match cors.origins {
        AllowedOrigins::Any => layer.send_wildcard(),
        AllowedOrigins::Only(_) => layer,
    }
}

/// The names on this very answer that a page may read with CORS's leave only, in order.
fn exposed(headers: &HeaderMap) -> HeaderValue {
    let mut names: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
    names.retain(|name| !READ_ANYWAY.contains(name) && !NOT_THE_PAGES.contains(name));
    names.sort_unstable();
    HeaderValue::from_str(&names.join(", ")).expect("names of headers are a header value")
}

/// CORS-safelisted response header names (Fetch, section 2.2.2).
const READ_ANYWAY: [&str; 7] = [
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
];

/// What speaks to the next proxy, a cache or the browser itself.
const NOT_THE_PAGES: [&str; 4] = [
    "connection",
    "content-encoding",
    "vary",
    "x-accel-buffering",
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::{http::header::HeaderName, test::TestRequest};

    use super::*;

    fn only(origin: &str) -> Cors {
        Cors {
            origins: AllowedOrigins::Only([origin.to_owned()].into()),
            max_age: Duration::from_secs(60),
        }
    }

    #[test]
    fn an_origin_is_allowed_byte_by_byte() {
        let cors = only("https://app.test");
        for (origin, is_allowed) in [
            ("https://app.test", true),
            ("https://app.test/", false),
            ("https://APP.test", false),
            ("https://app.test:443", false),
            ("https://app.test.evil.test", false),
            ("http://app.test", false),
            ("null", false),
            ("*", false),
            ("", false),
        ] {
            let request = TestRequest::default()
                .insert_header((ORIGIN, origin))
                .to_srv_request();
            let allowed = allowed_origin(&cors, request.headers());
            let expected = is_allowed.then(|| HeaderValue::from_static("https://app.test"));
            assert_eq!(allowed, expected, "{origin:?}");
        }
        assert_eq!(allowed_origin(&cors, &HeaderMap::new()), None);
    }

    #[test]
    fn a_preflight_is_an_options_with_an_origin_and_a_method_to_come() {
        let asked = |method: Method, headers: &[(HeaderName, &str)]| {
            let mut request = TestRequest::default().method(method);
            for header in headers {
                request = request.insert_header(header.clone());
            }
            preflight(&request.to_srv_request())
        };
        let origin = (ORIGIN, "https://app.test");
        let put = (ACCESS_CONTROL_REQUEST_METHOD, "PUT");
        let both = [origin.clone(), put.clone()];
        assert_eq!(asked(Method::OPTIONS, &both), Some(Method::PUT));
        assert_eq!(asked(Method::POST, &both), None);
        assert_eq!(asked(Method::OPTIONS, &both[..1]), None);
        assert_eq!(asked(Method::OPTIONS, &both[1..]), None);
        let no_method = (ACCESS_CONTROL_REQUEST_METHOD, "P T");
        assert_eq!(asked(Method::OPTIONS, &[origin, no_method]), None);
    }

    #[test]
    fn exactly_the_names_that_a_page_may_not_read_anyway_are_exposed() {
        let mut headers = HeaderMap::new();
        for name in READ_ANYWAY.iter().chain(&NOT_THE_PAGES) {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        assert_eq!(exposed(&headers), "");
        for name in [
            "x-upstream-status",
            "retry-after",
            "x-request-id",
            "x-request-id",
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        assert_eq!(
            exposed(&headers),
            "retry-after, x-request-id, x-upstream-status"
        );
    }
}
