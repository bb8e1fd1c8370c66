//! `earmark config show`, and settings that are refused.

use insta::assert_snapshot;

use crate::program::{Said, done, program, text};

#[test]
fn config_show_names_every_value_and_its_origin() {
    let folder = tempfile::tempdir().unwrap();
    let toml = folder.path().join("earmark.toml");
    std::fs::write(&toml, "[mail]\nsmtp = 'smtp://me:secret@mail.example.org'\n").unwrap();
    let mut show = program(&["config", "show", "--store", "postgres://u:secret@db/shop"]);
    show.current_dir(folder.path()).env("EARMARK_SERVER_LISTEN", "127.0.0.1:0");
    let said = Said::of(&mut show);
    assert_snapshot!(said.out, @"
    ┌─────────────────────────────────────────────────────────────────────────────────────────────────┐
    │ section   key                     value                       origin                            │
    ╞═════════════════════════════════════════════════════════════════════════════════════════════════╡
    │ server    api_key_file            -                           default                           │
    │ server    data                    earmark-data                default                           │
    │ server    listen                  127.0.0.1:0                 environment EARMARK_SERVER_LISTEN │
    │ server    log                     warn                        default                           │
    │ server    log_json                false                       default                           │
    │ stores    partitions              -                           default                           │
    │ stores    url                     postgres://…@db/shop        flag --store                      │
    │ redis     allocate                allocate                    default                           │
    │ redis     ca_file                 -                           default                           │
    │ redis     change_batch_quantity   change_batch_quantity       default                           │
    │ redis     claim_s                 30                          default                           │
    │ redis     line_allocated          line_allocated              default                           │
    │ redis     prefix                  earmark                     default                           │
    │ redis     stream_events           200000                      default                           │
    │ redis     url                     -                           default                           │
    │ mail      from                    earmark@localhost           default                           │
    │ mail      smtp                    smtp://…@mail.example.org   file earmark.toml                 │
    │ mail      to                      stock@made.com              default                           │
    └─────────────────────────────────────────────────────────────────────────────────────────────────┘
    ");
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert!(!folder.path().join("earmark-data").exists(), "no data folder is made");
    let shown = done(&["config", "show", "--json", "--config", text(&toml)]).json();
    let smtp = shown.as_array().unwrap().iter().find(|it| it["key"] == "smtp").unwrap();
    assert_eq!(smtp["value"], "smtp://…@mail.example.org");
    assert_eq!(smtp["origin"], format!("file {}", text(&toml)));
}

#[test]
fn former_names_end_with_2_and_unknown_names_with_a_warning() {
    let mut old = program(&["config", "show"]);
    let said = Said::of(old.env("EARMARK_STORE", "postgres://db/shop"));
    assert_eq!(said.code, 2);
    assert!(said.complaint().contains("EARMARK_STORE is now EARMARK_STORES_URL"), "{said:?}");
    let mut unknown = program(&["config", "show"]);
    let said = Said::of(unknown.env("EARMARK_SERVER_LISTN", ":1"));
    assert_eq!(said.code, 0);
    let warning = "EARMARK_SERVER_LISTN is not a setting; the nearest is EARMARK_SERVER_LISTEN";
    assert_eq!(said.err.matches(warning).count(), 1, "{said:?}");
}
