//! Whose cryptography HTTP clients use.

/// Chooses it for the process. Must come before a client is built, also one that will never speak TLS; a second call is no error.
pub fn choose_provider() {
    // Refused only where it has been chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
