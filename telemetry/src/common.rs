//! What each part shows.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::shelf::{Gauges, Shelf, labels};

labels!(Build { version });
labels!(Whose { certificate });

/// Version and certificates.
#[derive(Debug)]
pub struct Common {
    expiry: Gauges<Whose>,
}

/// A certificate that a part rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// What it presents.
    Own,
    /// The authority that it trusts; of several the one that expires first.
    Authority,
}

impl Common {
    pub(crate) fn new(shelf: &mut Shelf, version: &str) -> Self {
        let build = shelf.gauges::<Build>("shadow_build_info", "Version of this part; always 1");
        let version = version.to_owned();
        build.get_or_create(&Build { version }).set(1);
        Self {
            expiry: shelf.gauges(
                "shadow_certificate_expiry_timestamp_seconds",
                "When a certificate of this part expires; absent until it has one",
            ),
        }
    }

    /// Until when a certificate is valid.
    pub fn expires(&self, certificate: Certificate, at: SystemTime) {
        let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let certificate = match certificate {
            Certificate::Own => "own",
            Certificate::Authority => "authority",
        };
        let whose = Whose {
            certificate: certificate.to_owned(),
        };
        self.expiry
            .get_or_create(&whose)
            .set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }
}
