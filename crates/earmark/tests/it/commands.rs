//! The texts for users: help, flows, messages, stock and the doctor.

use std::process::Command;

use insta::assert_snapshot;

use crate::program::{Server, done, run, text};

#[test]
fn the_help_lists_every_command() {
    assert_snapshot!(done(&["--help"]).out, @"
    Allocates stock to order lines, from the warehouse and from incoming deliveries

    Usage: earmark [OPTIONS] <COMMAND>

    Commands:
      serve        Serve the HTTP API
      demo         Replay a sample of real orders, verify the log, and serve it
      import       Import batches or orders from a CSV file
      replay       Replay order lines from a CSV file, with supply derived from a seed
      verify       Check every guarantee over the whole log
      log          Show the events in the log
      stock        Show stock levels
      allocate     Allocate stock to an order line
      bench        Generate load, check every response, and report latencies
      parked       Show or replay parked messages
      outbox       Show emails that have not been sent
      doctor       Check the data, the disk, the clock, and the servers in use
      config       Show the settings and where each comes from
      db           Back up the log
      flow         Show which commands lead to which events
      messages     Print the reference of all messages
      completions  Print completions for a shell

    Options:
          --config <FILE>   TOML file with settings [env: EARMARK_CONFIG] [default: ./earmark.toml, if it exists]
          --store <URL>     PostgreSQL database that holds the log, as postgres://user:password@host/database; any number of processes can share it, and --data then holds only derived data [env: EARMARK_STORES_URL]
          --partitions <N>  Partitions of new data; existing data keep their number [env: EARMARK_STORES_PARTITIONS] [default: 1]
          --log <FILTER>    What to log to stderr: off, error, warn, info, debug, trace, or a filter as in RUST_LOG [env: EARMARK_SERVER_LOG] [default: warn]
          --log-json        Log as JSON, one object per line [env: EARMARK_SERVER_LOG_JSON]
      -h, --help            Print help
      -V, --version         Print version

    Examples:
      earmark demo                            replay a year of real orders, then serve
      earmark serve --listen 127.0.0.1:5005   serve the data in ./earmark-data

    Precedence: flags, environment (EARMARK_<SECTION>_<KEY>), config file, defaults.
    Exit codes: 0 success, 1 failure or check failed, 2 usage error.
    ");
}

#[test]
fn usage_errors_exit_with_2() {
    assert_eq!(run(&["allocate"]).code, 2);
    assert_eq!(run(&["fly"]).code, 2);
    let bad = ["allocate", "--order", "o", "--sku", " x", "--quantity", "1"];
    let said = run(&bad);
    assert_eq!(said.code, 2);
    assert!(said.complaint().contains("must not begin or end with whitespace"), "{said:?}");
}

#[test]
fn flows_have_four_formats() {
    let text = done(&["flow"]).out;
    assert!(text.contains("allocation.allocate --handles allocate -> allocation.allocated"));
    assert!(done(&["flow", "--format", "mermaid"]).out.starts_with("flowchart LR\n"));
    let maps = done(&["flow", "--format", "json"]).json();
    assert_eq!(maps[0]["service"], "allocation");
    let page = done(&["flow", "--format", "markdown"]).out;
    assert!(page.starts_with("# Flows\n") && page.contains("| allocation.allocate | handles |"));
}

#[test]
fn messages_have_their_fields_limits_and_refusals() {
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
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(done(&["completions", shell]).out.contains("earmark"));
    }
}

#[test]
fn stock_and_allocations_are_shown() {
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
    assert!(placed.starts_with("allocated to b1, promised for 20"), "{placed}");
    let reason = "the first batch in the warehouse that takes the whole line";
    assert!(placed.contains(reason), "{placed}");
    let lost = run(&line("o2", "5000"));
    assert_snapshot!(format!("{} {}", lost.code, lost.out), @"1 out of stock: 5000 of CHAIR ordered, 1200 available");
    let waits = done(&[&line("o3", "5000")[..], &["--queue"]].concat());
    assert_snapshot!(waits.out, @"queued: there is no stock");
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
    ┌───────────────────────────────────────────────────────┐
    │ queued: order   line    quantity   need by   priority │
    ╞═══════════════════════════════════════════════════════╡
    │ o3              CHAIR      5,000   -                5 │
    └───────────────────────────────────────────────────────┘
    ");
    let unknown = run(&["stock", "NONE", "--data", text(&data)]);
    assert_eq!((unknown.code, unknown.complaint().contains("Invalid sku NONE")), (1, true));
    assert_snapshot!(done(&["parked", "--data", text(&data)]).out, @"no parked messages");
}

#[test]
fn the_doctor_names_the_server_that_uses_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(folder.path());
    let doctor = ["doctor", "--listen", "127.0.0.1:0", "--data", text(folder.path())];
    let said = done(&doctor);
    assert!(said.out.contains(&format!("its URL is {}", server.url())), "{said:?}");
    drop(server);
    let said = done(&doctor);
    assert!(said.out.contains("the log of allocation holds 0 events"), "{said:?}");
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let shell = format!("{} messages | head -1", env!("CARGO_BIN_EXE_earmark"));
    let output = Command::new("sh").args(["-c", &shell]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}
