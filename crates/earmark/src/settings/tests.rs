//! Layers of settings, and what is wrong in them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use super::{Flags, Layers, parse};
use crate::error::CliError;

/// A file, with the folder that holds it.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("earmark.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn read(text: &str, variables: &[(&str, &str)], flags: Flags) -> Result<Layers, CliError> {
    let (_folder, path) = file(text);
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    Layers::read(Some(&path), flags, variables.collect::<Vec<(OsString, OsString)>>())
}

/// Message and advice, with the path of the file left out.
fn error(text: &str, variables: &[(&str, &str)]) -> String {
    let error = read(text, variables, Flags::default()).unwrap_err();
    let advice = error.advice().map(|it| format!(". {it}")).unwrap_or_default();
    let words = format!("{error}{advice}");
    let words = words.split(' ').map(|word| match word.rsplit_once("/earmark.toml") {
        Some((_, rest)) => format!("earmark.toml{rest}"),
        None => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn origin(layers: &Layers, key: &str) -> String {
    let shown = layers.shown();
    let shown = shown.iter().find(|it| format!("{}.{}", it.section, it.key) == key).unwrap();
    match shown.origin.strip_prefix("file ") {
        Some(path) => format!("file {}", Path::new(path).file_name().unwrap().display()),
        None => shown.origin.clone(),
    }
}

#[test]
fn flags_come_before_the_environment_then_the_file_then_the_defaults() {
    let text = "[server]\nlisten = 'file:1'\ndata = 'file'\nlog_json = true\n\
                [stores]\npartitions = 2\n";
    let variables = [
        ("EARMARK_SERVER_LISTEN", "env:1"),
        ("EARMARK_SERVER_DATA", "env"),
        ("EARMARK_STORES_PARTITIONS", ""),
        ("EARMARK_REDIS_CLAIM_S", "7"),
    ];
    let mut flags = Flags::default();
    flags.set("server.listen", "--listen", Some("flag:1"));
    let layers = read(text, &variables, flags).unwrap();
    let settings = &layers.settings;
    assert_eq!(settings.server.listen, "flag:1");
    assert_eq!(settings.server.data, Path::new("env"));
    assert_eq!((settings.server.log_json, settings.stores.partitions), (true, Some(2)));
    assert_eq!((settings.redis.claim_s, settings.redis.stream_events), (7, 200_000));
    assert_eq!(origin(&layers, "server.listen"), "flag --listen");
    assert_eq!(origin(&layers, "server.data"), "environment EARMARK_SERVER_DATA");
    assert_eq!(origin(&layers, "stores.partitions"), "file earmark.toml");
    assert_eq!(origin(&layers, "mail.to"), "default");
}

#[test]
fn rust_log_is_used_where_no_filter_is_set() {
    let log = |text, variables: &[_]| {
        let layers = read(text, variables, Flags::default()).unwrap();
        (layers.settings.server.log.clone(), origin(&layers, "server.log"))
    };
    let rust_log = ("RUST_LOG", "debug");
    assert_eq!(log("", &[]), ("warn".to_owned(), "default".to_owned()));
    assert_eq!(log("", &[rust_log]), ("debug".to_owned(), "environment RUST_LOG".to_owned()));
    assert_eq!(log("[server]\nlog = 'info'", &[rust_log]).0, "info");
    assert_eq!(log("", &[rust_log, ("EARMARK_SERVER_LOG", "off")]).0, "off");
}

#[test]
fn numbers_and_switches_are_read_from_text() {
    let variables = [("EARMARK_SERVER_LOG_JSON", "true"), ("EARMARK_STORES_PARTITIONS", "16")];
    let settings = read("", &variables, Flags::default()).unwrap().settings;
    assert_eq!((settings.server.log_json, settings.stores.partitions), (true, Some(16)));
}

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    assert_snapshot!(error("[server]\nlisen = ':1'", &[]), @"earmark.toml: server.lisen is not a setting. The nearest is server.listen. The section [server] has: api_key_file, data, listen, log, log_json.");
    assert_snapshot!(error("[redist]\nurl = 'redis://a'", &[]), @"earmark.toml: redist is not a setting. The nearest is redis.url. The section [redis] has: allocate, ca_file, change_batch_quantity, claim_s, line_allocated, prefix, stream_events, url.");
    assert_snapshot!(error("colour = 'red'", &[]), @"earmark.toml: colour is not a setting. The nearest is mail.to. The section [mail] has: from, smtp, to.");
    assert_snapshot!(error("server = 'here'", &[]), @"earmark.toml: server is not a setting. The nearest is server.log. The section [server] has: api_key_file, data, listen, log, log_json.");
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_its_origin() {
    assert_snapshot!(error("[stores]\npartitions = 'many'", &[]), @r#"stores.partitions (file earmark.toml): expected a whole number, found "many""#);
    assert_snapshot!(error("[server]\nlisten = [1]", &[]), @"server.listen (file earmark.toml): expected a string, found a list");
    assert_snapshot!(error("", &[("EARMARK_STORES_PARTITIONS", "70000")]), @"stores.partitions (environment EARMARK_STORES_PARTITIONS): expected a whole number from 0 to 65535, found 70000");
    assert_snapshot!(error("", &[("EARMARK_SERVER_LOG_JSON", "perhaps")]), @r#"server.log_json (environment EARMARK_SERVER_LOG_JSON): expected true or false, found "perhaps""#);
}

#[test]
fn former_names_are_errors_that_say_the_new_name() {
    let old = [("EARMARK_STORE", "postgres://a/b"), ("EARMARK_REDIS", "redis://a")];
    assert_snapshot!(error("", &old), @"EARMARK_REDIS is now EARMARK_REDIS_URL; EARMARK_STORE is now EARMARK_STORES_URL. Environment variables are named EARMARK_<SECTION>_<KEY>.");
    assert_snapshot!(error("store = 'postgres://a/b'\nredis_prefix = 'p'", &[]), @"earmark.toml: redis_prefix is now prefix in [redis]; store is now url in [stores]. Settings are in the sections [server], [stores], [redis] and [mail].");
    assert_snapshot!(error("redis = 'redis://a'", &[]), @"earmark.toml: redis is now url in [redis]. Settings are in the sections [server], [stores], [redis] and [mail].");
    // Empty variables are unset, whatever their name.
    read("", &[("EARMARK_STORE", "")], Flags::default()).unwrap();
}

#[test]
fn unknown_variables_are_warned_of_once_but_not_those_of_others() {
    let warnings = |variables: &[_]| read("", variables, Flags::default()).unwrap().warnings;
    assert_snapshot!(warnings(&[("EARMARK_SERVER_LISTN", ":1")]).join("\n"), @"EARMARK_SERVER_LISTN is not a setting; the nearest is EARMARK_SERVER_LISTEN");
    let others = [
        ("EARMARK_FAILPOINT", "after_append"),
        ("EARMARK_TEST_DISK", "/"),
        ("EARMARK_SERVICE_HOST", "10.0.0.1"),
        ("EARMARK_SERVICE_PORT_HTTP", "5005"),
        ("EARMARK_PORT_5005_TCP_ADDR", "10.0.0.1"),
        ("EARMARK_REDIS_PORT", "tcp://10.0.0.2:6379"),
        ("HOME", "/"),
    ];
    assert_eq!(warnings(&others), Vec::<String>::new());
}

#[test]
fn passwords_are_shown_nowhere() {
    let text = "[stores]\nurl = 'postgres://u:secret@a/b'\n[redis]\nurl = 'redis://:secret@a'\n\
                [mail]\nsmtp = 'smtps://u:secret@a?x=secret'";
    let layers = read(text, &[], Flags::default()).unwrap();
    let shown = serde_json::to_string(&layers.shown()).unwrap();
    assert!(!shown.contains("secret") && shown.contains("redis://…@a"), "{shown}");
    assert!(!format!("{layers:?}").contains("secret"), "{layers:?}");
    let error = error("[redis]\nurl = 'redis://:secret@a\n", &[]);
    assert!(!error.contains("secret") && error.contains("line 2"), "{error}");
}

#[test]
fn the_text_of_a_file_is_read_or_refused() {
    assert_eq!(parse("[mail]\nto = 'a@b'").unwrap().mail.to, "a@b");
    assert!(parse("[mail]\nfor = 'a@b'").is_none());
    assert!(parse("listen = ':1'").is_none());
}
