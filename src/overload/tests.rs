use std::collections::HashMap;

use tokio::time::advance;

use super::*;
use crate::settings::Settings;

const TOLERATED: Duration = Duration::from_millis(100);

fn gateway() -> web::Data<Gateway> {
    let settings = Settings::from_toml("").unwrap();
    web::Data::new(Gateway::new(settings.verify(&HashMap::new()).unwrap()))
}

/// Has the worker do one thing that takes so long.
async fn be_busy_for(length: Duration) {
    advance(length).await;
    // The probe takes its turn.
    tokio::task::yield_now().await;
}

#[actix_web::test]
async fn a_worker_that_stays_late_refuses_and_one_that_has_caught_up_does_not() {
    tokio::time::pause();
    let (overload, gateway) = (Rc::new(Overload::default()), gateway());
    for _ in 0..20 {
        assert!(!overload.refuses(&gateway, TOLERATED) || overload.share.get() > 0.0);
        be_busy_for(TOLERATED * 6).await;
    }
    // Six times as late as is borne: all are refused.
    assert_eq!(overload.share.get(), 1.0);
    assert!(overload.refuses(&gateway, TOLERATED));
    assert!(!overload.refuses(&gateway, Duration::ZERO));

    // Nothing is asked of it meanwhile: the probe goes on by itself until the worker is calm.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!overload.is_probed.get());
    assert!(!overload.refuses(&gateway, TOLERATED));
}

#[actix_web::test]
async fn a_worker_in_time_is_measured_once_for_all_that_come_meanwhile_and_then_sleeps() {
    tokio::time::pause();
    let (overload, gateway) = (Rc::new(Overload::default()), gateway());
    for _ in 0..1000 {
        assert!(!overload.refuses(&gateway, TOLERATED));
    }
    assert_eq!(Rc::strong_count(&overload), 2);
    tokio::time::sleep(PACE * 2).await;
    assert_eq!(Rc::strong_count(&overload), 1);
    let text = gateway.metrics_text(crate::telemetry::metrics::TextFormat::Prometheus);
    assert!(
        text.contains("herald_worker_lag_seconds_count 1\n"),
        "{text}"
    );
}
