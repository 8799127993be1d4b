use crate::api::{HoldKind, Step};
use crate::machine::Route;
pub(super) const MEDIANS: &[(Route, HoldKind, u8, Step, u64)] = &[];
pub(super) const GROWTH: &[(u8, Step, u64)] = &[];
