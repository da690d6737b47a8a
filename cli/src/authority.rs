//! A certificate authority of a private farm: its own key, and the certificates that servers and roles show each other.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

use crate::private;

/// The authority's certificate, which everybody trusts.
pub const CA: &str = "ca.pem";
/// Its key: whoever has it lets anybody in. It is used only when certificates are made.
pub const CA_KEY: &str = "ca.key";
/// A certificate and its key.
pub const CERTIFICATE: &str = "cert.pem";
pub const KEY: &str = "key.pem";

/// What a certificate is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Servers also connect to each other.
    Server,
    Client,
}

/// The authority that lies in a folder.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: PathBuf,
}

impl Authority {
    /// Reads the authority's key, or makes a new one where there is none.
    ///
    /// # Errors
    /// The folder can't be written, or the key is open to others or not a key.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let (certificate, key) = (folder.join(CA), folder.join(CA_KEY));
        if !key.exists() {
            let fresh = KeyPair::generate()?;
            fs::write(&certificate, params()?.self_signed(&fresh)?.pem())
                .with_context(|| certificate.display().to_string())?;
            private::write(&key, &fresh.serialize_pem())?;
        }
        let key = KeyPair::from_pem(&private::read(&key)?)?;
        Ok(Self {
            issuer: Issuer::new(params()?, key),
            certificate,
        })
    }

    /// Puts a certificate for `name`, valid for `hosts`, with its key and the authority's certificate into `folder`; those
    /// that are there stay.
    ///
    /// # Errors
    /// A host is no name or address, or the folder can't be written.
    pub fn issue(
        &self,
        folder: &Path,
        name: &str,
        hosts: &[String],
        purpose: Use,
    ) -> anyhow::Result<()> {
        fs::copy(&self.certificate, folder.join(CA))?;
        let (certificate, key) = (folder.join(CERTIFICATE), folder.join(KEY));
        if certificate.exists() && key.exists() {
            return Ok(());
        }
        let fresh = KeyPair::generate()?;
        let signed = self.sign(&fresh, name, hosts, purpose)?;
        fs::write(&certificate, signed.pem()).with_context(|| certificate.display().to_string())?;
        private::write(&key, &fresh.serialize_pem())
    }

    fn sign(
        &self,
        key: &KeyPair,
        name: &str,
        hosts: &[String],
        purpose: Use,
    ) -> anyhow::Result<Certificate> {
        let mut params = CertificateParams::new(hosts.to_vec())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match purpose {
            Use::Server => vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
            Use::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        params.use_authority_key_identifier_extension = true;
        Ok(params.signed_by(key, &self.issuer)?)
    }
}

fn params() -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params
        .distinguished_name
        .push(DnType::CommonName, "Trifold farm");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}
