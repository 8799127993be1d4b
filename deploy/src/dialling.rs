//! Which hosts of users the controller and the agents dial, as the operator says.

use shadow_core::dialling::{Block, List, Place};

use crate::manifests::SettingsError;

/// The operator's word. Empty lists: any host, and no exemption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dialling {
    /// The only brokers.
    pub brokers: Vec<String>,
    /// The only registries of checkpoint images.
    pub registries: Vec<String>,
    /// Addresses that are dialled although their range speaks against it.
    pub addresses: Vec<String>,
    /// Whether brokers and registries without TLS are refused.
    pub require_tls: bool,
}

impl Dialling {
    /// Each placeholder of the manifests, and its value.
    pub(crate) fn values(&self) -> Result<[(&'static str, String); 4], SettingsError> {
        Ok([
            (
                "${ALLOWED_BROKERS}",
                parsed::<Place>("allow-broker", &self.brokers)?,
            ),
            (
                "${ALLOWED_REGISTRIES}",
                parsed::<Place>("allow-registry", &self.registries)?,
            ),
            (
                "${ALLOWED_ADDRESSES}",
                parsed::<Block>("allow-address", &self.addresses)?,
            ),
            ("${REQUIRE_TLS}", self.require_tls.to_string()),
        ])
    }
}

/// As it was read, so that nothing else gets into a manifest.
fn parsed<T>(option: &'static str, texts: &[String]) -> Result<String, SettingsError>
where
    T: std::str::FromStr<Err: std::fmt::Display> + std::fmt::Display,
{
    let one = |text: &String| {
        text.parse::<T>().map_err(|error| SettingsError::NotAPlace {
            option,
            why: error.to_string(),
        })
    };
    let all = List(texts.iter().map(one).collect::<Result<Vec<_>, _>>()?);
    Ok(all.to_string())
}
