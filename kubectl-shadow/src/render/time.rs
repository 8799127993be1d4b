//! Times between two records, as people read them.

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// `3.412s`; a clock that went backwards shows as zero.
pub(super) fn between(from: &MicroTime, to: &MicroTime) -> String {
    let seconds = to.0.duration_since(from.0).as_secs_f64();
    format!("{:.3}s", seconds.max(0.0))
}

/// How old something is, as kubectl tells it: `90s`, `4m2s`, `59m`, `3h5m`, `30h`, `3d4h`, `12d`.
pub(super) fn age(age: SignedDuration) -> String {
    let seconds = age.as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / (24 * 3600));
    let with = |whole: i64, unit: char, rest: i64, small: char| {
        if rest == 0 {
            format!("{whole}{unit}")
        } else {
            format!("{whole}{unit}{rest}{small}")
        }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => with(minutes, 'm', seconds % 60, 's'),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => with(hours, 'h', minutes % 60, 'm'),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => with(days, 'd', hours % 24, 'h'),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_as_kubectl_tells_them() {
        let cases = [
            (-5, "0s"),
            (119, "119s"),
            (242, "4m2s"),
            (300, "5m"),
            (3_599, "59m"),
            (11_100, "3h5m"),
            (108_000, "30h"),
            (273_600, "3d4h"),
            (1_036_800, "12d"),
        ];
        for (seconds, text) in cases {
            assert_eq!(age(SignedDuration::from_secs(seconds)), text);
        }
    }
}
