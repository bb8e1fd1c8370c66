//! The way to a PostgreSQL that demands encryption: which servers are spoken to, and which are not.

use earmark_kernel::log::LogStore;
use earmark_servers::certificates::Authority;
use earmark_servers::postgres::Postgres as Server;
use earmark_stores::postgres::{Address, OpenError, Postgres, Seen};

use crate::subjects::{LOG_ID, open_postgres, record};

/// The names that the certificates of these tests are for.
const NAMES: &str = "DNS:localhost,IP:127.0.0.1";

fn server(names: &str) -> (Server, Authority) {
    let authority = Authority::new().unwrap();
    let server = Server::start_encrypted(&authority.certify(names).unwrap()).unwrap();
    (server, authority)
}

fn look(url: &str) -> Result<Seen, OpenError> {
    Postgres::probe(&url.parse::<Address>().unwrap())
}

/// The server under a name, by a file of certificates that are trusted.
fn verified(server: &Server, host: &str, authority: &Authority) -> String {
    let (port, file) = (server.port(), authority.file());
    let file = file.display();
    format!(
        "postgres://postgres@{host}:{port}/postgres?hostaddr=127.0.0.1&sslmode=verify-full\
         &sslrootcert={file}"
    )
}

#[test]
fn who_wants_no_encryption_is_told_that_the_server_demands_it() {
    let (server, _) = server(NAMES);
    let refused = look(&format!("{}?sslmode=disable", server.url("postgres"))).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("no encryption"), "{text}");
    assert!(text.contains("sslmode=require"), "{text}");
}

#[test]
fn encryption_is_used_where_it_is_required_and_where_the_server_can() {
    let (server, _) = server(NAMES);
    for options in ["", "?sslmode=prefer", "?sslmode=require"] {
        let seen = look(&format!("{}{options}", server.url("postgres"))).unwrap();
        assert!(seen.is_encrypted, "{options}");
    }
}

#[test]
fn a_log_is_kept_over_an_encrypted_way() {
    let (server, authority) = server(NAMES);
    for host in ["localhost", "127.0.0.1"] {
        let url = verified(&server, host, &authority);
        assert!(look(&url).unwrap().is_encrypted);
    }
    let log = open_postgres(&verified(&server, "localhost", &authority), LOG_ID);
    // Longer than a record of TLS.
    log.append(&record(1, 2_000)).unwrap();
    assert_eq!(log.read_after(0, 2_000).unwrap(), [record(1, 2_000)]);
}

#[test]
fn a_server_of_another_name_is_refused() {
    let (server, authority) = server(NAMES);
    let refused = look(&verified(&server, "db.example", &authority)).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("not valid for name \"db.example\""), "{text}");
    assert!(text.contains("name the server as its certificate does"), "{text}");
}

#[test]
fn a_server_that_an_unknown_authority_vouches_for_is_refused() {
    let (server, _) = server(NAMES);
    let another = Authority::new().unwrap();
    let refused = look(&verified(&server, "localhost", &another)).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("UnknownIssuer"), "{text}");
    assert!(text.contains("name its authority's file with sslrootcert"), "{text}");
}

#[test]
fn a_server_without_encryption_is_refused_where_it_is_required() {
    let server = Server::start(&[]).unwrap();
    let text = look(&format!("{}?sslmode=require", server.url("postgres"))).unwrap_err();
    let text = text.to_string();
    assert!(text.contains("server does not support TLS"), "{text}");
    assert!(text.contains("ssl = on"), "{text}");
}

#[test]
fn whoever_the_server_is_its_certificate_may_be_an_old_one() {
    let authority = Authority::new().unwrap();
    let server = Server::start_encrypted(&authority.certify_plainly().unwrap()).unwrap();
    assert!(look(&server.url("postgres")).unwrap().is_encrypted);
    let text = look(&verified(&server, "localhost", &authority)).unwrap_err().to_string();
    assert!(text.contains("sslrootcert"), "{text}");
}

#[test]
fn a_file_without_certificates_is_refused_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, none) = (folder.path().join("empty.pem"), folder.path().join("none.pem"));
    std::fs::write(&empty, "").unwrap();
    for file in [empty, none] {
        let file = file.display().to_string();
        let options = format!("sslmode=verify-full&sslrootcert={file}");
        let refused = look(&format!("postgres://127.0.0.1:1/shop?{options}")).unwrap_err();
        assert!(matches!(refused, OpenError::Certificates(_)), "{refused}");
        assert!(refused.to_string().contains(&file), "{refused}");
    }
}
