//! The certificate authority in a webhook configuration.

use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::WebhookClientConfig;
use shadow_core::names::SYSTEM_NAMESPACE;
use x509_parser::pem::Pem;

use crate::check::Finding;
use crate::check::codes::AUTHORITY;
use crate::check::gather::cluster::CONTROLLER;

/// Why a bundle cannot be used, or until when it can be.
enum Bundle {
    Empty,
    Unreadable(String),
    Expired(Timestamp),
    Valid(Timestamp),
}

pub(super) fn judged(kind: &str, calls: &[WebhookClientConfig], now: Timestamp) -> Finding {
    let logs = format!("kubectl -n {SYSTEM_NAMESPACE} logs deployment/{CONTROLLER}");
    let bundles: Vec<Bundle> = calls.iter().map(|call| bundle(call, now)).collect();
    let day = |at: &Timestamp| at.strftime("%Y-%m-%d").to_string();
    let trouble = bundles.iter().find_map(|bundle| match bundle {
        Bundle::Empty => Some("holds no certificate authority".to_owned()),
        Bundle::Unreadable(why) => Some(format!(
            "holds a certificate authority that cannot be read: {why}"
        )),
        Bundle::Expired(at) => Some(format!(
            "holds a certificate authority that expired on {}",
            day(at)
        )),
        Bundle::Valid(_) => None,
    });
    let first = bundles.iter().find_map(|bundle| match bundle {
        Bundle::Valid(at) => Some(*at),
        Bundle::Empty | Bundle::Unreadable(_) | Bundle::Expired(_) => None,
    });
    match (trouble, first) {
        (Some(trouble), _) => Finding::fail(AUTHORITY, kind, trouble).typed(logs),
        (None, Some(until)) => Finding::pass(AUTHORITY, kind, format!("valid until {}", day(&until))),
        (None, None) => Finding::fail(AUTHORITY, kind, "names no webhook").typed(super::INSTALL),
    }
}

/// The certificate that is valid for the longest: an old one may stand beside a new one.
fn bundle(call: &WebhookClientConfig, now: Timestamp) -> Bundle {
    let Some(text) = call.ca_bundle.as_ref().filter(|bundle| !bundle.0.is_empty()) else {
        return Bundle::Empty;
    };
    let mut latest: Option<Timestamp> = None;
    for pem in Pem::iter_from_buffer(&text.0) {
        let until = pem.map_err(|error| error.to_string()).and_then(|pem| until(&pem));
        match until {
            Ok(until) => latest = latest.max(Some(until)),
            Err(why) => return Bundle::Unreadable(why),
        }
    }
    match latest {
        None => Bundle::Unreadable("there is no certificate in it".to_owned()),
        Some(until) if until <= now => Bundle::Expired(until),
        Some(until) => Bundle::Valid(until),
    }
}

fn until(pem: &Pem) -> Result<Timestamp, String> {
    let certificate = pem.parse_x509().map_err(|error| error.to_string())?;
    let seconds = certificate.validity().not_after.timestamp();
    Timestamp::from_second(seconds).map_err(|error| error.to_string())
}
