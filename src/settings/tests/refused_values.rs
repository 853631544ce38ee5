//! What verification refuses in the sections. Each with its exact words, and all of them at once.

use std::collections::HashMap;

use super::{refused, variables};
use crate::settings::Settings;

#[test]
fn every_problem_is_told_not_only_the_first() {
    assert_eq!(
        refused(
            "auth = \"keys\"\n[server]\nlisten = \"localhost\"\nbacklog = 0\n[clocks]\nidle = \"25h\""
        ),
        "server.backlog: must be from 1 to 65535, not 0\n\
         server.listen: must be an IP address and a port, such as \"127.0.0.1:8080\" or \
         \"[::1]:8080\"\n\
         auth: \"keys\" needs at least one [[keys]], and none is defined\n\
         clocks.idle: must be from 1ms to 1day, not 1day 1h\n\
         clocks.idle: 1day 1h is longer than clocks.total (30m), so it could never run out"
    );
}

#[test]
fn a_problem_names_the_layer_that_wrote_the_value() {
    let environment = variables(&[("HERALD__SERVER__WORKERS", "513")]);
    let settings = Settings::load(None, &environment).unwrap();
    let problems = settings.verify(&HashMap::new()).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "server.workers from HERALD__SERVER__WORKERS: must be from 0 to 512, not 513"
    );
    let settings = Settings::from_toml("[server]\nworkers = 513").unwrap();
    let problems = settings.verify(&HashMap::new()).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "server.workers in settings: must be from 0 to 512, not 513"
    );
}

#[test]
fn a_public_address_without_auth_is_refused() {
    for listen in [
        "0.0.0.0:8080",
        "[::]:8080",
        "10.0.0.1:80",
        "[::ffff:10.0.0.1]:80",
    ] {
        assert_eq!(
            refused(&format!("[server]\nlisten = \"{listen}\"")),
            format!(
                "server.listen: other machines reach {listen}, and nothing says who may call: \
                 define [[keys]], or write auth = \"none\""
            )
        );
    }
}

#[test]
fn auth_by_keys_without_a_key_is_refused() {
    assert_eq!(
        refused("auth = \"keys\""),
        "auth: \"keys\" needs at least one [[keys]], and none is defined"
    );
}

#[test]
fn a_count_out_of_its_range_is_refused() {
    for (toml, problem) in [
        (
            "[server]\nbacklog = 65536",
            "server.backlog: must be from 1 to 65535, not 65536",
        ),
        (
            "[server]\nmax_connections = 0",
            "server.max_connections: must be from 1 to 1000000, not 0",
        ),
        (
            "[stream]\nqueue_events = 0",
            "stream.queue_events: must be from 1 to 1024, not 0",
        ),
        (
            "[stream]\nheld_events = 4097",
            "stream.held_events: must be from 1 to 4096, not 4097",
        ),
        (
            "[metadata]\nmax_headers = 97",
            "metadata.max_headers: must be from 1 to 96, not 97",
        ),
    ] {
        assert_eq!(refused(toml), problem);
    }
}

#[test]
fn a_size_out_of_its_range_is_refused() {
    for (toml, problem) in [
        (
            "[server]\nmax_body_bytes = \"1023B\"",
            "server.max_body_bytes: must be from 1KiB to 1GiB, not 1023B",
        ),
        (
            "[server]\nsend_buffer = \"65MiB\"",
            "server.send_buffer: must be from 4KiB to 64MiB, not 65MiB",
        ),
        (
            "[upstream]\nmax_event_bytes = \"2GiB\"",
            "upstream.max_event_bytes: must be from 1KiB to 1GiB, not 2GiB",
        ),
        (
            "[upstream]\nmax_body_bytes = \"0B\"",
            "upstream.max_body_bytes: must be from 1KiB to 1GiB, not 0B",
        ),
        (
            "[upstream]\nmax_error_bytes = \"17MiB\"",
            "upstream.max_error_bytes: must be from 1KiB to 16MiB, not 17MiB",
        ),
        (
            "[upstream]\nmax_head_bytes = \"2MiB\"",
            "upstream.max_head_bytes: must be from 1KiB to 1MiB, not 2MiB",
        ),
        (
            "[stream]\nheld_bytes = \"100B\"",
            "stream.held_bytes: must be from 1KiB to 64MiB, not 100B",
        ),
        (
            "[metadata]\nmax_bytes = \"65KiB\"",
            "metadata.max_bytes: must be from 1KiB to 64KiB, not 65KiB",
        ),
    ] {
        assert_eq!(refused(toml), problem);
    }
}

#[test]
fn a_wait_out_of_its_range_is_refused() {
    for (toml, problem) in [
        (
            "[server]\nkeep_alive = \"2h\"",
            "server.keep_alive: must be from 0s to 1h, not 2h",
        ),
        (
            "[server]\nrequest_head = \"0s\"",
            "server.request_head: must be from 1s to 1h, not 0s",
        ),
        (
            "[server]\nrequest_body = \"61m\"",
            "server.request_body: must be from 1ms to 1h, not 1h 1m",
        ),
        (
            "[server]\ndrain = \"61m\"",
            "server.drain: must be from 0s to 1h, not 1h 1m",
        ),
        (
            "[upstream]\nkeep_alive = \"61m\"",
            "upstream.keep_alive: must be from 0s to 1h, not 1h 1m",
        ),
        (
            "[upstream]\ndrain_after_end = \"61s\"",
            "upstream.drain_after_end: must be from 0s to 1m, not 1m 1s",
        ),
        (
            "[metadata]\nretry_after = \"61m\"",
            "metadata.retry_after: must be from 1s to 1h, not 1h 1m",
        ),
    ] {
        assert_eq!(refused(toml), problem);
    }
}

#[test]
fn a_retry_after_that_is_not_whole_seconds_is_refused() {
    assert_eq!(
        refused("[metadata]\nretry_after = \"1500ms\""),
        "metadata.retry_after: must be whole seconds, as retry-after is, not 1s 500ms"
    );
}

#[test]
fn a_clock_of_zero_is_refused_unless_zero_means_something() {
    for clock in ["connect", "head", "first_event", "idle", "client_write"] {
        let problems = refused(&format!("[clocks]\n{clock} = \"0s\"\nhold = \"0s\""));
        let expected = format!("clocks.{clock}: must be from 1ms to 1day, not 0s");
        assert_eq!(problems, expected);
    }
}

#[test]
fn a_clock_that_total_always_cuts_short_is_refused() {
    for (clock, length) in [
        ("connect", "31m"),
        ("head", "2h"),
        ("first_event", "1h"),
        ("idle", "1h"),
    ] {
        assert_eq!(
            refused(&format!("[clocks]\n{clock} = \"{length}\"")),
            format!(
                "clocks.{clock}: {length} is longer than clocks.total (30m), so it could never \
                 run out"
            )
        );
    }
    assert_eq!(
        refused("[clocks]\ntotal = \"200s\""),
        "clocks.head: 5m is longer than clocks.total (3m 20s), so it could never run out\n\
         clocks.first_event: 5m is longer than clocks.total (3m 20s), so it could never run out"
    );
}

#[test]
fn a_hold_longer_than_the_first_event_is_refused() {
    assert_eq!(
        refused("[clocks]\nfirst_event = \"100ms\""),
        "clocks.hold: 250ms is longer than clocks.first_event (100ms), so it could never run out"
    );
}

#[test]
fn a_log_filter_that_is_none_is_refused() {
    assert_eq!(
        refused("[log]\nfilter = \"info,herald=loud\""),
        "log.filter: error parsing level filter: expected one of \"off\", \"error\", \"warn\", \
         \"info\", \"debug\", \"trace\", or a number 0-5"
    );
}
