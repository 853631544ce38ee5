//! `base_url`: scheme, host, port and path of an API.

use http::Uri;

/// The parts of a base URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BaseUrl {
    pub(super) https: bool,
    /// IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Empty, or begins with a slash and ends without one.
    pub(super) path: String,
}

/// Takes a base URL apart. No error repeats it, because it may hold credentials.
pub(super) fn parse(written: &str) -> Result<BaseUrl, &'static str> {
    const SHAPE: &str = "must be a URL such as \"https://api.openai.com/v1\"";
    // `Uri` drops a fragment and an empty query in silence.
    if written.contains('#') {
        return Err("must have no fragment (`#…`)");
    }
    if written.contains('?') {
        return Err("must have no query (`?…`)");
    }
    let uri: Uri = written.parse().map_err(|_| SHAPE)?;
    let https = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        Some(_) => return Err("must begin with https:// or http://"),
        None => return Err(SHAPE),
    };
    let authority = uri.authority().ok_or(SHAPE)?;
    if authority.as_str().contains('@') {
        return Err("must have no user name and no password: use api_key");
    }
    let host = authority.host().trim_matches(['[', ']']);
    if host.is_empty() {
        return Err(SHAPE);
    }
    let port = match authority.port_u16() {
        Some(0) => return Err("must have a port from 1 to 65535, or none"),
        Some(port) => port,
        // `Uri` takes what is no port for none.
        None if authority.as_str() != authority.host() => {
            return Err("must have a port from 1 to 65535, or none");
        }
        None if https => 443,
        None => 80,
    };
    Ok(BaseUrl {
        https,
        host: host.to_owned(),
        port,
        path: uri.path().trim_end_matches('/').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(written: &str) -> (bool, String, u16, String) {
        let url = parse(written).unwrap();
        (url.https, url.host, url.port, url.path)
    }

    #[test]
    fn a_base_url_is_taken_apart() {
        for (written, https, host, port, path) in [
            (
                "https://api.openai.com/v1",
                true,
                "api.openai.com",
                443,
                "/v1",
            ),
            (
                "https://api.openai.com/v1/",
                true,
                "api.openai.com",
                443,
                "/v1",
            ),
            ("http://localhost:11434", false, "localhost", 11434, ""),
            ("http://localhost/", false, "localhost", 80, ""),
            ("HTTP://[::1]:8000/a/b//", false, "::1", 8000, "/a/b"),
        ] {
            let expected = (https, host.to_owned(), port, path.to_owned());
            assert_eq!(parts(written), expected, "{written}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for (written, reason) in [
            ("", "must be a URL"),
            ("api.openai.com", "must be a URL"),
            ("/v1", "must be a URL"),
            ("https://", "must be a URL"),
            ("https://:80/", "must be a URL"),
            ("https://a b/", "must be a URL"),
            ("ftp://example.com", "must begin with"),
            ("https://u:p@example.com", "must have no user name"),
            ("https://example.com?", "must have no query"),
            ("https://example.com/?a=1", "must have no query"),
            ("https://example.com/#top", "must have no fragment"),
            ("https://example.com:0", "must have a port"),
            ("https://example.com:", "must have a port"),
            ("https://example.com:65536", "must have a port"),
        ] {
            let refused = parse(written).unwrap_err();
            assert!(refused.starts_with(reason), "{written}: {refused}");
        }
    }
}
