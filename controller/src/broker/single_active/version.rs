//! Versions of RabbitMQ, as far as they matter here.

/// Major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl Version {
    /// Reads `4.3.6` and `4.3.0-rc.1`; `None` for what is no version.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        Some(Self {
            major: parts.next()?.parse().ok()?,
            minor: parts.next()?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let of = |text| Version::of(text).unwrap();
        let oldest = Version { major: 4, minor: 3 };
        for enough in ["4.3.0", "4.3.6", "4.3.0-rc.1", "4.10.1", "5.0.0"] {
            assert!(of(enough) >= oldest, "{enough}");
        }
        for old in ["4.2.9", "4.0.5", "3.13.7"] {
            assert!(of(old) < oldest, "{old}");
        }
        for none in ["", "four", "4", "4.x.1"] {
            assert_eq!(Version::of(none), None, "{none}");
        }
    }
}
