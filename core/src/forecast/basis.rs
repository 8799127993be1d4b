//! On what a forecast rests, in words.

use super::Basis;
use crate::api::ForecastBasis;

impl Basis {
    /// As a status has it, with the number of finished moves.
    pub fn told(self) -> (ForecastBasis, u32) {
        let (basis, moves) = match self {
            Self::Application(moves) => (ForecastBasis::Application, moves),
            Self::Cluster(moves) => (ForecastBasis::Cluster, moves),
            Self::Measurements => (ForecastBasis::Measurements, 0),
        };
        (basis, u32::try_from(moves).unwrap_or(u32::MAX))
    }
}

/// The rest of a sentence that says where figures are from.
pub fn told(basis: ForecastBasis, moves: u32) -> String {
    match basis {
        ForecastBasis::Application => format!("{} of this application", finished(moves)),
        ForecastBasis::Cluster => format!("{} of other applications of this cluster", finished(moves)),
        ForecastBasis::Measurements => {
            "measurements on another machine, since this cluster has not finished such a move yet".to_owned()
        }
    }
}

fn finished(moves: u32) -> String {
    match moves {
        1 => "1 finished move".to_owned(),
        _ => format!("{moves} finished moves"),
    }
}
