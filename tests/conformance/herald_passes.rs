//! Herald itself.

use std::time::Duration;

use herald::{
    conformance::{Dialect, Provider, Report, Target, Verdict, checks, run},
    testkit::TestGateway,
};

#[actix_web::test]
async fn herald_passes_every_check_of_chat_completions() {
    all_pass(&report(Dialect::Chat, "openai").await);
}

#[actix_web::test]
async fn herald_passes_every_check_of_messages() {
    all_pass(&report(Dialect::Messages, "anthropic").await);
}

/// What the kit finds of a Herald whose clocks are short, so that a stall has an end.
async fn report(dialect: Dialect, kind: &str) -> Report {
    let mut provider = Provider::listen(0).await.unwrap();
    let gateway = TestGateway::with_settings(&format!(
        "[clocks]\nhead = \"500ms\"\nidle = \"500ms\"\n\
         [[providers]]\nid = \"kit\"\nkind = \"{kind}\"\nbase_url = \"http://{}/v1\"\n\
         [[models]]\nid = \"kit\"\ntargets = [{{ provider = \"kit\", model = \"kit\" }}]\n",
        provider.address(),
    ))
    .await;
    let mut target = Target::new(&gateway.base_url(), "kit").unwrap();
    target.dialect = dialect;
    target.stall_wait = Some(Duration::from_secs(10));
    run(&target, &mut provider, &[], |_| {}).await.unwrap()
}

fn all_pass(report: &Report) {
    for finding in &report.checks {
        assert_eq!(finding.verdict, Verdict::Pass, "{finding:#?}");
    }
    assert_eq!(report.passed, checks().count());
}
