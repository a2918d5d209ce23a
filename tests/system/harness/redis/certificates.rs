//! Certificates for one server: of a CA that is made for it, good for two days.

use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Where the CA's certificate is.
pub(super) fn ca_file(folder: &Path) -> PathBuf {
    folder.join("ca.pem")
}

/// Makes them in a folder, and says what redis.conf has to say of them.
pub(super) async fn make(folder: &Path) -> String {
    make_one(folder, "ca", &["-addext", "basicConstraints=critical,CA:TRUE"]).await;
    let signed = ["-CA", "ca.pem", "-CAkey", "ca.key"];
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    let server = ["-addext", names, "-addext", "basicConstraints=critical,CA:FALSE"];
    make_one(folder, "server", &[signed, server].concat()).await;
    let folder = folder.display();
    format!(
        "port 0\n\
         tls-cert-file {folder}/server.pem\n\
         tls-key-file {folder}/server.key\n\
         tls-ca-cert-file {folder}/ca.pem\n\
         tls-auth-clients no\n"
    )
}

/// `name`.pem and `name`.key.
async fn make_one(folder: &Path, name: &str, arguments: &[&str]) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-x509", "-days", "2", "-subj", &format!("/CN=switchboard test {name}")])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
        .args(arguments)
        .output()
        .await
        .expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
