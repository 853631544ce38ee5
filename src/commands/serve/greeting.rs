//! What is printed once Herald listens: where, what it serves, and two lines to paste.

use std::net::{IpAddr, SocketAddr};

use herald::settings::{Auth, VerifiedSettings};

/// Most models that are named; of the others only the number is told.
const MAX_NAMED: usize = 6;

/// The whole greeting. The gateway serves all the same where nobody reads it.
pub(super) fn text(
    settings: &VerifiedSettings,
    address: SocketAddr,
    admin: Option<SocketAddr>,
) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let scheme = match settings.tls {
        Some(_) => "https",
        None => "http",
    };
    let base = format!("{scheme}://{}", reachable(address));
    let mut text = format!(
        "herald {version} listens on {scheme}://{address}\nand serves {}.\n",
        models(settings)
    );
    if let Some(admin) = admin {
        let open = if settings.admin.token.is_none() {
            ""
        } else {
            ", for who has the token"
        };
        text.push_str(&format!(
            "Its operators ask http://{admin}: /metrics, /streams, /health/ready{open}.\n"
        ));
    }
    let Some(model) = settings.models.iter().next() else {
        return text;
    };
    let key = match settings.auth {
        Auth::Open => "",
        Auth::Keys(_) => " -H 'authorization: Bearer YOUR_KEY'",
    };
    // A quote in a model's name would end the shell's.
    let id = serde_json::Value::from(model.id.as_str())
        .to_string()
        .replace('\'', "\\u0027");
    text.push_str(&format!(
        r#"
See one stream, head first; /v1/messages and /v1/responses serve the same model:

  curl -iN {base}/v1/chat/completions{key} \
    -H 'content-type: application/json' \
    -d '{{"model":{id},"stream":true,"messages":[{{"role":"user","content":"Hello"}}]}}'

See all models:

  curl {base}/v1/models{key}

"#
    ));
    text
}

/// An address that can be asked: one that stands for all of them is asked on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => [127, 0, 0, 1].into(),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn models(settings: &VerifiedSettings) -> String {
    let models = settings.models.iter();
    let more = models.len().saturating_sub(MAX_NAMED);
    let mut named: Vec<_> = models
        .take(MAX_NAMED)
        .map(|model| model.id.clone())
        .collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    match named.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => named.concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use herald::settings::Settings;

    use super::*;

    fn greeting(toml: &str, address: &str) -> String {
        let settings =
            Settings::from_toml(toml).and_then(|settings| settings.verify(&HashMap::new()));
        let admin = "127.0.0.1:8081".parse().ok();
        text(&settings.unwrap(), address.parse().unwrap(), admin)
    }

    #[test]
    fn a_greeting_says_where_operators_ask_unless_that_is_off() {
        let text = greeting("", "127.0.0.1:8080");
        let told = "Its operators ask http://127.0.0.1:8081: /metrics, /streams, /health/ready.\n";
        assert!(text.contains(told), "{text}");
        let settings = Settings::from_toml("").unwrap();
        let settings = settings.verify(&HashMap::new()).unwrap();
        let text = super::text(&settings, "127.0.0.1:8080".parse().unwrap(), None);
        assert!(!text.contains("operators"), "{text}");
    }

    #[test]
    fn a_greeting_says_where_and_what_and_how_to_ask() {
        let text = greeting("", "127.0.0.1:8080");
        let first = "listens on http://127.0.0.1:8080\nand serves replay-text, replay-tool-call,";
        assert!(text.contains(first), "{text}");
        assert_eq!(text.matches("  curl ").count(), 2, "{text}");
        assert!(!text.contains("YOUR_KEY"), "{text}");
    }

    #[test]
    fn an_address_that_stands_for_all_is_asked_on_this_machine() {
        for (listen, asked) in [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80")] {
            let text = greeting("", listen);
            assert!(
                text.contains(&format!("listens on http://{listen}\n")),
                "{text}"
            );
            assert!(
                text.contains(&format!("curl -iN http://{asked}/v1")),
                "{text}"
            );
        }
    }

    #[test]
    fn a_greeting_asks_for_a_key_where_one_is_needed() {
        let sha256 = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        let keys = format!("[[keys]]\nid = \"a\"\nsha256 = \"{sha256}\"");
        let text = greeting(&keys, "127.0.0.1:8080");
        assert_eq!(text.matches("Bearer YOUR_KEY").count(), 2, "{text}");
    }

    #[test]
    fn a_greeting_of_a_listener_with_tls_says_https() {
        let folder = std::env::temp_dir().join(format!("herald-greeting-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let tls = herald::testkit::TestCertificate::generate(&["localhost"]).install(&folder);
        let text = greeting(&tls, "127.0.0.1:8443");
        std::fs::remove_dir_all(folder).unwrap();
        assert!(
            text.contains("listens on https://127.0.0.1:8443\n"),
            "{text}"
        );
        assert_eq!(
            text.matches("https://127.0.0.1:8443/v1").count(),
            2,
            "{text}"
        );
    }

    #[test]
    fn only_the_first_of_many_models_are_named_and_a_quote_stays_in_the_shell() {
        let model = |id: &str| {
            format!(
                "[[models]]\nid = \"{id}\"\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n"
            )
        };
        let models: String = ["it's", "b", "c", "d", "e", "f", "g", "h"]
            .map(model)
            .concat();
        let text = greeting(
            &format!("[[providers]]\nid = \"p\"\nkind = \"replay\"\n{models}"),
            "127.0.0.1:8080",
        );
        assert!(
            text.contains("serves it's, b, c, d, e, f and 2 more."),
            "{text}"
        );
        assert!(text.contains(r#""model":"it\u0027s""#), "{text}");
    }
}
