//! What a person reads: help, maps, pages, and what the doctor finds.

use std::process::Command;

use insta::assert_snapshot;

use crate::program::{Server, done, run, text};

#[test]
fn help_says_what_there_is() {
    assert_snapshot!(done(&["--help"]).out, @"
    Promises stock to order lines: from the warehouse and from deliveries on their way

    Usage: earmark [OPTIONS] <COMMAND>

    Commands:
      serve        Serve over HTTP until it is told to stop
      demo         Replay a slice of real orders, verify, and serve: a first look
      import       Bring in batches or orders from a CSV file
      replay       Send real order lines in time order, with deliveries derived from a seed
      verify       Check every promise over the whole log
      log          Show what happened
      stock        Show the stock
      allocate     Promise stock to a line of an order
      bench        Put load on a server, check every answer, and tell how long they took
      parked       Show or send again the messages that were set aside
      outbox       Show the letters that wait to be sent
      doctor       Look whether everything is as it should be
      db           Copy the log
      flow         Draw what leads to what
      messages     Print the page of all messages
      completions  Print completions for a shell

    Options:
          --config <FILE>   A TOML file of settings [env: EARMARK_CONFIG] [default: ./earmark.toml if there is one]
          --store <URL>     The PostgreSQL that holds the log for any number of processes, as postgres://user:password@host/database; --data then holds only what is derived from it [env: EARMARK_STORE]
          --partitions <N>  How many partitions new data get; from then on it is always so many [env: EARMARK_PARTITIONS] [default: 1]
          --log <FILTER>    What is told on stderr: off, error, warn, info, debug, trace, or a filter as in RUST_LOG
          --log-json        Tell it as JSON, a line each
      -h, --help            Print help
      -V, --version         Print version

    Settings come from flags, then EARMARK_… in the environment, then a TOML file (--config, or ./earmark.toml).
    Exit codes: 0 it is so or was done, 1 it is not so or was not done, 2 wrong usage.
    ");
}

#[test]
fn wrong_usage_ends_with_2() {
    assert_eq!(run(&["allocate"]).code, 2);
    assert_eq!(run(&["fly"]).code, 2);
    let bad = ["allocate", "--order", "o", "--sku", " x", "--quantity", "1"];
    let said = run(&bad);
    assert_eq!(said.code, 2);
    assert!(said.complaint().contains("must not begin or end with whitespace"), "{said:?}");
}

#[test]
fn flows_are_drawn_in_four_ways() {
    let text = done(&["flow"]).out;
    assert!(text.contains("allocation.allocate --handles allocate -> allocation.allocated"));
    assert!(done(&["flow", "--format", "mermaid"]).out.starts_with("flowchart LR\n"));
    let maps = done(&["flow", "--format", "json"]).json();
    assert_eq!(maps[0]["service"], "allocation");
    let page = done(&["flow", "--format", "markdown"]).out;
    assert!(page.starts_with("# Flows\n") && page.contains("| allocation.allocate | handles |"));
}

#[test]
fn messages_have_their_fields_bounds_and_refusals() {
    let page = done(&["messages"]).out;
    let start = page.find("### allocation.deallocate").unwrap();
    let end = start + page[start..].find("\nAnswer").unwrap();
    assert_snapshot!(page[start..end], @"
    ### allocation.deallocate

    Releases a line: its units become available again, or the line stops waiting for stock. Shipped units stay shipped.

    | field | type | |
    |---|---|---|
    | `line_id` | string of 1 to 64 characters | The id of the line. |
    | `order_id` | string of 1 to 64 characters | The order of the line. |
    | `reason` | string, optional | The reason, shown in the stock history. Only the first 200 characters are stored. |
    | `sku` | string of 1 to 64 characters or null, optional | The SKU of the line; required only if the order has the line id for several SKUs. |
    ");
    assert!(page.contains("| `quantity` | integer, 1 to 1000000000 |"));
    assert!(page.contains("- `unknown_sku` (`sku`): No batch of this SKU was ever created."));
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(done(&["completions", shell]).out.contains("earmark"));
    }
}

#[test]
fn the_stock_and_a_promise_are_shown_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("batches.csv");
    let batches = "reference,sku,quantity,eta\nb1,CHAIR,10,\nb2,CHAIR,1200,2099-01-31\n";
    std::fs::write(&file, batches).unwrap();
    done(&["import", "batches", text(&file), "--data", text(&data)]);
    let line = |order, quantity| {
        let line = ["allocate", "--sku", "CHAIR", "--order", order, "--quantity", quantity];
        [&line[..], &["--data", text(&data)]].concat()
    };
    let placed = done(&line("o1", "4")).out;
    assert!(placed.starts_with("placed in b1, promised for 20"), "{placed}");
    let reason = "the first batch in the warehouse that takes the whole line";
    assert!(placed.contains(reason), "{placed}");
    let lost = run(&line("o2", "5000"));
    assert_snapshot!(format!("{} {}", lost.code, lost.out), @"1 out of stock: 5000 of CHAIR are wanted, 1200 can be had");
    let waits = done(&[&line("o3", "5000")[..], &["--queue"]].concat());
    assert_snapshot!(waits.out, @"waits for stock");
    assert_snapshot!(done(&["stock", "CHAIR", "--data", text(&data)]).out, @"
    ┌────────────────────────────────────────────────────────────────────────────────┐
    │ SKU     on hand   incoming   allocated   held   available   short   next eta   │
    ╞════════════════════════════════════════════════════════════════════════════════╡
    │ CHAIR        10      1,200           4      0       1,206   5,000   2099-01-31 │
    └────────────────────────────────────────────────────────────────────────────────┘
    ┌──────────────────────────────────────────────────────────────────────────────┐
    │ batch   state          eta          purchased   allocated   held   available │
    ╞══════════════════════════════════════════════════════════════════════════════╡
    │ b1      in warehouse   -                   10           4      0           6 │
    │ b2      incoming       2099-01-31       1,200           0      0       1,200 │
    └──────────────────────────────────────────────────────────────────────────────┘
    ┌──────────────────────────────────────────────────────┐
    │ waits: order   line    quantity   need by   priority │
    ╞══════════════════════════════════════════════════════╡
    │ o3             CHAIR      5,000   -                5 │
    └──────────────────────────────────────────────────────┘
    ");
    let unknown = run(&["stock", "NONE", "--data", text(&data)]);
    assert_eq!((unknown.code, unknown.complaint().contains("Invalid sku NONE")), (1, true));
    assert_snapshot!(done(&["parked", "--data", text(&data)]).out, @"nothing is parked");
}

#[test]
fn the_doctor_names_the_server_that_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(folder.path());
    let doctor = ["doctor", "--listen", "127.0.0.1:0", "--data", text(folder.path())];
    let said = done(&doctor);
    assert!(said.out.contains(&format!("it is reached at {}", server.url())), "{said:?}");
    drop(server);
    let said = done(&doctor);
    assert!(said.out.contains("the log of allocation holds 0 events"), "{said:?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let shell = format!("{} messages | head -1", env!("CARGO_BIN_EXE_earmark"));
    let output = Command::new("sh").args(["-c", &shell]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
