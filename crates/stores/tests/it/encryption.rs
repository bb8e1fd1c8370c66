//! Encrypted connections to PostgreSQL: which servers are accepted, and which are refused.

use earmark_kernel::log::LogStore;
use earmark_servers::certificates::Authority;
use earmark_servers::postgres::Postgres as Server;
use earmark_stores::postgres::{Address, OpenError, Postgres, ServerInfo};

use crate::subjects::{LOG_ID, open_postgres, record};

/// The names in the certificates of these tests.
const NAMES: &str = "DNS:localhost,IP:127.0.0.1";

fn server(names: &str) -> (Server, Authority) {
    let authority = Authority::new().unwrap();
    let server = Server::start_encrypted(&authority.certify(names).unwrap()).unwrap();
    (server, authority)
}

fn probe(url: &str) -> Result<ServerInfo, OpenError> {
    Postgres::probe(&url.parse::<Address>().unwrap())
}

/// The address of the server under a host name, verified with the authority's certificate.
fn verified_url(server: &Server, host: &str, authority: &Authority) -> String {
    let (port, file) = (server.port(), authority.file());
    let file = file.display();
    format!(
        "postgres://postgres@{host}:{port}/postgres?hostaddr=127.0.0.1&sslmode=verify-full\
         &sslrootcert={file}"
    )
}

#[test]
fn a_client_without_encryption_is_told_that_the_server_requires_it() {
    let (server, _) = server(NAMES);
    let refused = probe(&format!("{}?sslmode=disable", server.url("postgres"))).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("no encryption"), "{text}");
    assert!(text.contains("sslmode=require"), "{text}");
}

#[test]
fn encryption_is_used_if_it_is_required_or_supported() {
    let (server, _) = server(NAMES);
    for options in ["", "?sslmode=prefer", "?sslmode=require"] {
        let info = probe(&format!("{}{options}", server.url("postgres"))).unwrap();
        assert!(info.is_encrypted, "{options}");
    }
}

#[test]
fn a_log_works_over_an_encrypted_connection() {
    let (server, authority) = server(NAMES);
    for host in ["localhost", "127.0.0.1"] {
        let url = verified_url(&server, host, &authority);
        assert!(probe(&url).unwrap().is_encrypted);
    }
    let log = open_postgres(&verified_url(&server, "localhost", &authority), LOG_ID);
    // Longer than a TLS record.
    log.append(&record(1, 2_000)).unwrap();
    assert_eq!(log.read_after(0, 2_000).unwrap(), [record(1, 2_000)]);
}

#[test]
fn a_server_with_another_name_is_refused() {
    let (server, authority) = server(NAMES);
    let refused = probe(&verified_url(&server, "db.example", &authority)).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("not valid for name \"db.example\""), "{text}");
    assert!(text.contains("use the host name for which the certificate is valid"), "{text}");
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused() {
    let (server, _) = server(NAMES);
    let another = Authority::new().unwrap();
    let refused = probe(&verified_url(&server, "localhost", &another)).unwrap_err();
    let text = refused.to_string();
    assert!(text.contains("UnknownIssuer"), "{text}");
    assert!(text.contains("name its authority's file with sslrootcert"), "{text}");
}

#[test]
fn a_server_without_encryption_is_refused_if_it_is_required() {
    let server = Server::start(&[]).unwrap();
    let text = probe(&format!("{}?sslmode=require", server.url("postgres"))).unwrap_err();
    let text = text.to_string();
    assert!(text.contains("server does not support TLS"), "{text}");
    assert!(text.contains("ssl = on"), "{text}");
}

#[test]
fn an_x509_version_1_certificate_is_accepted_unless_it_is_verified() {
    let authority = Authority::new().unwrap();
    let server = Server::start_encrypted(&authority.certify_v1().unwrap()).unwrap();
    assert!(probe(&server.url("postgres")).unwrap().is_encrypted);
    let text = probe(&verified_url(&server, "localhost", &authority)).unwrap_err().to_string();
    assert!(text.contains("sslrootcert"), "{text}");
}

#[test]
fn a_file_without_certificates_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (empty, none) = (folder.path().join("empty.pem"), folder.path().join("none.pem"));
    std::fs::write(&empty, "").unwrap();
    for file in [empty, none] {
        let file = file.display().to_string();
        let options = format!("sslmode=verify-full&sslrootcert={file}");
        let refused = probe(&format!("postgres://127.0.0.1:1/shop?{options}")).unwrap_err();
        assert!(matches!(refused, OpenError::Certificates(_)), "{refused}");
        assert!(refused.to_string().contains(&file), "{refused}");
    }
}
