//! `herald conformance` as a process: what it prints, and its exit code.

use std::{
    net::{SocketAddr, TcpListener},
    process::Command,
};

use herald::testkit::TestGateway;
use serde_json::Value;

/// The exit code, standard output and standard error.
fn conformance(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_herald"))
        .arg("conformance")
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        run.status.code().unwrap(),
        text(run.stdout),
        text(run.stderr),
    )
}

/// A port that was free a moment ago.
fn free_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A Herald whose provider is asked at this address.
async fn herald_before(provider: SocketAddr) -> TestGateway {
    TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"kit\"\nkind = \"openai\"\nbase_url = \"http://{provider}/v1\"\n\
         [[models]]\nid = \"conformance\"\ntargets = [{{ provider = \"kit\", model = \"m\" }}]\n",
    ))
    .await
}

#[actix_web::test]
async fn a_gateway_that_passes_is_exit_code_0_in_each_format() {
    let provider = free_port();
    let gateway = herald_before(provider).await;
    let (url, port) = (gateway.base_url(), provider.port().to_string());
    let base = ["--base-url", &url, "--upstream-port", &port];
    let only = ["--only", "status-429", "--only", "stalled-stream"];
    let run =
        |format: &str| conformance(&[&base[..], &only[..], &["--format", format]].concat(), &[]);

    let (code, table, stderr) = run("table");
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(table.starts_with("pass    status-429 "), "{table}");
    assert!(table.contains("\nskipped stalled-stream "), "{table}");
    assert!(
        table.ends_with("\n1 passed, 0 failed, 1 skipped\n"),
        "{table}"
    );

    let (code, json, _) = run("json");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["passed"]), (0, &1.into()));
    assert_eq!(json["checks"][1]["verdict"], "skipped");

    let (code, markdown, _) = run("markdown");
    assert_eq!(code, 0);
    assert!(
        markdown.contains("| `status-429` | a 429 stays one"),
        "{markdown}"
    );
}

#[actix_web::test]
async fn a_check_that_fails_is_exit_code_1_and_says_what_is_expected() {
    let provider = free_port();
    let gateway = TestGateway::with_settings(&format!(
        "[metadata.status]\n\"429\" = 500\n\
         [[providers]]\nid = \"kit\"\nkind = \"openai\"\nbase_url = \"http://{provider}/v1\"\n\
         [[models]]\nid = \"conformance\"\ntargets = [{{ provider = \"kit\", model = \"m\" }}]\n",
    ))
    .await;
    let (url, port) = (gateway.base_url(), provider.port().to_string());
    let (code, table, _) = conformance(
        &[
            "--base-url",
            &url,
            "--upstream-port",
            &port,
            "--only",
            "status-429",
        ],
        &[],
    );
    assert_eq!(code, 1);
    assert!(table.starts_with("fail    status-429 "), "{table}");
    assert!(
        table.contains("expected: a 429 stays one, or is a 503"),
        "{table}"
    );
}

#[test]
fn a_gateway_that_is_not_there_is_exit_code_2() {
    let (gateway, provider) = (free_port(), free_port());
    let (url, port) = (format!("http://{gateway}/v1"), provider.port().to_string());
    let (code, _, stderr) = conformance(&["--base-url", &url, "--upstream-port", &port], &[]);
    let expected = format!("herald: the gateway cannot be reached at {gateway}: ");
    assert!(code == 2 && stderr.starts_with(&expected), "{stderr}");
}

#[actix_web::test]
async fn a_gateway_that_never_calls_the_provider_is_exit_code_2_and_its_answer_is_told() {
    let provider = free_port();
    let gateway = herald_before(provider).await;
    let (url, port) = (gateway.base_url(), provider.port().to_string());
    let arguments = [
        "--base-url",
        &url,
        "--upstream-port",
        &port,
        "--model",
        "other",
    ];
    let (code, _, stderr) = conformance(&arguments, &[]);
    assert_eq!(code, 2);
    let expected = format!("herald: the gateway never called the provider at {provider}: ");
    assert!(stderr.starts_with(&expected), "{stderr}");
    assert!(
        stderr.contains("404") && stderr.contains("--model"),
        "{stderr}"
    );
}

#[actix_web::test]
async fn a_gateway_that_translates_is_exit_code_2_and_the_dialect_is_named() {
    let provider = free_port();
    let gateway = TestGateway::with_settings(&format!(
        "[[providers]]\nid = \"kit\"\nkind = \"anthropic\"\nbase_url = \"http://{provider}/v1\"\n\
         [[models]]\nid = \"conformance\"\ntargets = [{{ provider = \"kit\", model = \"m\" }}]\n",
    ))
    .await;
    let (url, port) = (gateway.base_url(), provider.port().to_string());
    let (code, _, stderr) = conformance(&["--base-url", &url, "--upstream-port", &port], &[]);
    let expected = "nothing can be checked with --dialect chat: the gateway translates: \
                    it called \"/v1/messages\"";
    assert!(code == 2 && stderr.contains(expected), "{code} {stderr}");
}

#[test]
fn what_cannot_be_run_is_exit_code_2_and_says_why() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().port().to_string();
    let base = ["--base-url", "http://127.0.0.1:1/v1", "--upstream-port"];
    let with_port = |port, rest: &[&'static str]| {
        conformance(&[&base[..], &[port], rest].concat(), &[("EMPTY", "")])
    };
    for ((code, _, stderr), reason) in [
        (with_port(&taken, &[]), "cannot be had"),
        (
            with_port("1", &["--only", "status-428"]),
            "did you mean \"status-429\"?",
        ),
        (
            with_port("1", &["--api-key-env", "ABSENT"]),
            "--api-key-env ABSENT: ",
        ),
        (
            with_port("1", &["--api-key-env", "EMPTY"]),
            "it holds no key",
        ),
        (
            conformance(
                &["--base-url", "https://a.example", "--upstream-port", "1"],
                &[],
            ),
            "plain http alone",
        ),
        (conformance(&[], &[]), "--base-url"),
    ] {
        assert!(code == 2 && stderr.contains(reason), "{code} {stderr}");
    }
}

#[test]
fn the_list_needs_no_gateway_and_names_each_check() {
    let (code, list, _) = conformance(&["--list"], &[]);
    assert_eq!(code, 0);
    assert_eq!(list.lines().count(), herald::conformance::checks().count());
    assert!(list.contains("slow-reader "), "{list}");
}
