//! Data folders: one process at a time, closed cleanly, with views that are rebuilt from the log.

use std::fs;
use std::process::Command;

use crate::program::{Server, done, run, slice, text};

#[test]
fn a_second_process_is_refused_with_the_owner_and_advice() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    let server = Server::on(folder.path());
    server.post("/add_batch", r#"{"ref":"b1","sku":"CHAIR","qty":10,"eta":null}"#);
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["stock"], &["verify"]] {
        let said = run(&[arguments, &["--data", data]].concat());
        let (complaint, id) = (said.complaint(), format!("process {}", server.child.id()));
        assert_eq!(said.code, 1, "{complaint}");
        assert!(complaint.contains(&id), "{complaint}");
        assert!(complaint.contains(&format!("--server {}", server.url())), "{complaint}");
    }
    let said = done(&["stock", "--server", &server.url(), "--json"]);
    assert_eq!(said.json()[0]["available"], 10);
    let line = ["--order", "o1", "--sku", "CHAIR", "--quantity", "4", "--server"];
    let said = done(&[&["allocate"][..], &line, &[&server.url()]].concat());
    assert!(said.out.starts_with("allocated to b1"), "{said:?}");
    let said = done(&["log", "--server", &server.url()]);
    assert!(said.out.contains("allocation.line_allocated CHAIR"), "{said:?}");
}

#[test]
fn sigterm_stops_a_server_cleanly_and_flushes_its_views() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on(folder.path());
    server.post("/add_batch", r#"{"ref":"b1","sku":"CHAIR","qty":10,"eta":null}"#);
    assert_eq!(server.stop(), 0);
    let said = run(&["doctor", "--data", text(folder.path()), "--listen", "127.0.0.1:0", "--json"]);
    let findings = said.json();
    let views = findings.as_array().unwrap().iter().find(|it| it["what"] == "views").unwrap();
    assert_eq!(views["found"], "the views of allocation are flushed");
}

#[test]
fn an_interrupt_stops_a_server_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::on(folder.path());
    server.signal("INT");
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
}

#[test]
fn deleted_views_are_rebuilt_and_equal() {
    let folder = tempfile::tempdir().unwrap();
    let data = text(folder.path());
    done(&["replay", text(&slice()), "--data", data, "--limit-rows", "2000"]);
    let before = done(&["stock", "--data", data, "--json"]).out;
    let mut deleted = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if text(&path).contains(".views.db") {
            fs::remove_file(path).unwrap();
            deleted += 1;
        }
    }
    assert!(deleted > 0);
    assert_eq!(done(&["stock", "--data", data, "--json"]).out, before);
    done(&["verify", "--data", data]);
}

#[test]
fn read_commands_never_create_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    for command in ["stock", "verify", "log", "parked"] {
        let said = run(&[command, "--data", text(&none)]);
        assert_eq!(said.code, 1);
        assert!(said.complaint().contains("there is no data in"), "{said:?}");
    }
    assert!(!none.exists());
}

#[test]
fn a_used_port_is_reported_with_advice() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::on(one.path());
    for command in ["serve", "demo"] {
        let said = run(&[command, "--listen", &server.address, "--data", text(other.path())]);
        let complaint = said.complaint();
        assert_eq!(said.code, 1);
        assert!(complaint.contains(&server.address), "{complaint}");
        assert!(complaint.contains("another address"), "{complaint}");
    }
}

#[test]
fn listening_beyond_localhost_needs_api_keys() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(&["serve", "--listen", "0.0.0.0:0", "--data", text(folder.path())]);
    assert_eq!(said.code, 1);
    assert!(said.complaint().contains("--api-key-file"), "{said:?}");
}

#[test]
fn only_a_valid_api_key_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    fs::write(&keys, "# API keys\nopen-sesame\n").unwrap();
    let data = folder.path().join("data");
    let listen = ["serve", "--listen", "127.0.0.1:0", "--data", text(&data)];
    let server = Server::begin(&[&listen[..], &["--api-key-file", text(&keys)]].concat());
    let stock = ["stock", "--server", &server.url()];
    assert_eq!(run(&stock).code, 1);
    let key = folder.path().join("key");
    fs::write(&key, "open-sesame\n").unwrap();
    done(&[&stock[..], &["--api-key-file", text(&key)]].concat());
}

#[test]
fn the_data_folder_comes_from_the_file_or_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    done(&["import", "batches", text(&batches(folder.path())), "--data", text(&data)]);
    let toml = folder.path().join("earmark.toml");
    fs::write(&toml, format!("[server]\ndata = {:?}\n", text(&data))).unwrap();
    let said = done(&["stock", "--config", text(&toml)]);
    assert!(said.out.contains("CHAIR"), "{said:?}");
    let in_environment = Command::new(env!("CARGO_BIN_EXE_earmark"))
        .args(["stock", "--json"])
        .env("EARMARK_SERVER_DATA", &data)
        .output()
        .unwrap();
    assert!(in_environment.status.success());
    fs::write(&toml, "[server]\ndate = \"x\"\n").unwrap();
    let said = run(&["stock", "--config", text(&toml)]);
    assert_eq!(said.code, 2);
    assert!(said.complaint().contains("server.date is not a setting"), "{said:?}");
}

fn batches(folder: &std::path::Path) -> std::path::PathBuf {
    let file = folder.join("batches.csv");
    fs::write(&file, "reference,sku,quantity\nb1,CHAIR,10\n").unwrap();
    file
}
