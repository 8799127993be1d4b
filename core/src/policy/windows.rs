//! Times in which moves may begin, in UTC: a zone with daylight saving would make one hour of the year come twice, and another not at
//! all. Pure.
//!
//! Guarantee: a moment is open if it lies in one of a policy's windows; the next opening is the first moment at which every policy is
//! open.

use std::fmt;

use k8s_openapi::jiff::Timestamp;

use crate::api::{Day, Window};

const MINUTES_OF_A_DAY: i64 = 24 * 60;
/// Windows come again every week.
const DAYS_AHEAD: i64 = 8;
const WEEK: [Day; 7] = [
    Day::Mon,
    Day::Tue,
    Day::Wed,
    Day::Thu,
    Day::Fri,
    Day::Sat,
    Day::Sun,
];
/// The day of the epoch, 1970-01-01, in [`WEEK`].
const THURSDAY: i64 = 3;

/// A window that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opening {
    written: Window,
    /// Minutes from the begin of its day.
    from: i64,
    /// Minutes that it lasts; a whole day at most.
    lasts: i64,
}

impl Opening {
    /// Reads it; the error says which field is wrong.
    pub(super) fn read(window: &Window) -> Result<Self, String> {
        let minutes = |text: &str, field: &str| {
            minutes(text)
                .ok_or_else(|| format!("{field} {text:?} is no time of a day; write HH:MM, such as 22:00"))
        };
        let (from, to) = (minutes(&window.from, "from")?, minutes(&window.to, "to")?);
        let lasts = if to > from {
            to - from
        } else {
            to - from + MINUTES_OF_A_DAY
        };
        Ok(Self {
            written: window.clone(),
            from,
            lasts,
        })
    }

    /// Whether it begins on this day, counted from the epoch.
    fn begins_on(&self, day: i64) -> bool {
        let Some(days) = &self.written.days else {
            return true;
        };
        let of_week = usize::try_from((day + THURSDAY).rem_euclid(7)).unwrap_or_default();
        WEEK.get(of_week).is_some_and(|day| days.contains(day))
    }

    fn is_open(&self, minute: i64) -> bool {
        let day = minute.div_euclid(MINUTES_OF_A_DAY);
        // It may have begun on the day before.
        [day, day - 1].into_iter().any(|day| {
            let begin = day * MINUTES_OF_A_DAY + self.from;
            self.begins_on(day) && (begin..begin + self.lasts).contains(&minute)
        })
    }

    /// The moments at which it begins, from this minute on.
    fn begins(&self, minute: i64) -> impl Iterator<Item = i64> {
        let today = minute.div_euclid(MINUTES_OF_A_DAY);
        (today..=today + DAYS_AHEAD)
            .filter(move |day| self.begins_on(*day))
            .map(move |day| day * MINUTES_OF_A_DAY + self.from)
            .filter(move |begin| *begin > minute)
    }
}

/// For a person: `Mon Tue 22:00-06:00 UTC`.
impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for day in self.written.days.iter().flatten() {
            write!(f, "{day:?} ")?;
        }
        write!(f, "{}-{} UTC", self.written.from, self.written.to)
    }
}

/// Whether one of them is open.
pub(super) fn is_open(windows: &[Opening], at: Timestamp) -> bool {
    windows.iter().any(|window| window.is_open(minute(at)))
}

/// The first moment after `at` at which each of these policies is open; `None`: they never are at the same time.
pub(super) fn next(policies: &[&[Opening]], at: Timestamp) -> Option<Timestamp> {
    let mut begins: Vec<i64> = policies
        .iter()
        .flat_map(|windows| windows.iter())
        .flat_map(|window| window.begins(minute(at)))
        .collect();
    begins.sort_unstable();
    let all_open = |minute: &i64| {
        policies
            .iter()
            .all(|windows| windows.iter().any(|window| window.is_open(*minute)))
    };
    let first = begins.into_iter().find(all_open)?;
    Timestamp::from_second(first * 60).ok()
}

fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

fn minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str, below: i64| {
        let number: i64 = (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| digits.parse().ok())??;
        (number < below).then_some(number)
    };
    Some(two(hours, 24)? * 60 + two(minutes, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(days: &[Day], from: &str, to: &str) -> Opening {
        Opening::read(&Window {
            days: (!days.is_empty()).then(|| days.to_vec()),
            from: from.to_owned(),
            to: to.to_owned(),
        })
        .unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// 2026-11-30 is a Monday.
    #[test]
    fn a_window_is_open_from_its_begin_until_before_its_end() {
        let night = opening(&[Day::Mon], "22:00", "06:00");
        let whole = opening(&[Day::Sun], "00:00", "00:00");
        let daily = opening(&[], "09:30", "09:31");
        for (window, moment, open) in [
            (&night, "2026-11-30T21:59:59Z", false),
            (&night, "2026-11-30T22:00:00Z", true),
            (&night, "2026-12-01T05:59:59Z", true),
            (&night, "2026-12-01T06:00:00Z", false),
            (&night, "2026-12-01T23:00:00Z", false),
            (&night, "2026-11-30T03:00:00Z", false),
            (&whole, "2026-11-28T23:59:59Z", false),
            (&whole, "2026-11-29T00:00:00Z", true),
            (&whole, "2026-11-29T23:59:59Z", true),
            (&whole, "2026-11-30T00:00:00Z", false),
            (&daily, "2026-12-03T09:30:59Z", true),
            (&daily, "2026-12-03T09:31:00Z", false),
        ] {
            assert_eq!(
                is_open(std::slice::from_ref(window), at(moment)),
                open,
                "{window} at {moment}"
            );
        }
    }

    #[test]
    fn the_next_opening_is_one_of_all_policies() {
        let nights = [opening(&[Day::Mon, Day::Fri], "22:00", "06:00")];
        let early = [opening(&[], "04:00", "05:00"), opening(&[], "12:00", "13:00")];
        let noon = [opening(&[], "12:00", "13:00")];
        for (policies, now, wanted) in [
            (
                vec![&nights[..]],
                "2026-11-30T13:00:00Z",
                Some("2026-11-30T22:00:00Z"),
            ),
            (
                vec![&nights[..]],
                "2026-12-01T06:00:00Z",
                Some("2026-12-04T22:00:00Z"),
            ),
            (
                vec![&nights[..], &early[..]],
                "2026-11-30T13:00:00Z",
                Some("2026-12-01T04:00:00Z"),
            ),
            (vec![&nights[..], &noon[..]], "2026-11-30T13:00:00Z", None),
            (
                vec![&nights[..]],
                "2026-11-30T22:00:00Z",
                Some("2026-12-04T22:00:00Z"),
            ),
        ] {
            assert_eq!(next(&policies, at(now)), wanted.map(at), "{now}");
        }
    }

    #[test]
    fn what_is_no_time_of_a_day_is_named() {
        for wrong in ["24:00", "7:00", "07:60", "0700", "", "aa:bb", "+1:00"] {
            let window = Window {
                days: None,
                from: "07:00".to_owned(),
                to: wrong.to_owned(),
            };
            let why = Opening::read(&window).unwrap_err();
            assert!(
                why.starts_with(&format!("to {wrong:?}")) && why.contains("HH:MM"),
                "{why}"
            );
        }
    }

    #[test]
    fn it_is_printed_as_it_was_written() {
        assert_eq!(
            opening(&[Day::Sat, Day::Sun], "08:00", "20:00").to_string(),
            "Sat Sun 08:00-20:00 UTC"
        );
    }
}
