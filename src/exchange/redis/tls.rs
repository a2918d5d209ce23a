//! Encrypted connections to Redis: whom they trust.

use anyhow::Context;
use std::{fs, path::Path, sync::Arc};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Whose certificates are believed.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) config: Arc<ClientConfig>,
    /// The authority of `--redis-ca`, as it stands in its file; without it, the system's.
    pub(super) authority: Option<Arc<[u8]>>,
}

impl Tls {
    /// Believes the certificate authorities in a PEM file, or else the system's.
    pub(super) fn new(authority: Option<&Path>) -> anyhow::Result<Self> {
        let authority = match authority {
            Some(file) => Some(fs::read(file).with_context(|| format!("--redis-ca {}", file.display()))?),
            None => None,
        };
        let mut roots = RootCertStore::empty();
        match &authority {
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem) {
                    roots.add(certificate.context("--redis-ca has a certificate that can't be read")?)?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        anyhow::ensure!(
            !roots.is_empty(),
            "there is no certificate authority to trust; --redis-ca names a PEM file of them"
        );
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Ok(Self { config: Arc::new(config), authority: authority.map(Into::into) })
    }
}
